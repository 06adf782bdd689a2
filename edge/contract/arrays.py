"""Names of array types; shapes stand where they are used."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.floating]
Float16s = npt.NDArray[np.float16]
Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int16s = npt.NDArray[np.int16]
Int64s = npt.NDArray[np.int64]
UInt8s = npt.NDArray[np.uint8]
Places = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]
Embeddings = npt.NDArray[np.float32]
"""float32[rows, dim], rows of unit length."""
