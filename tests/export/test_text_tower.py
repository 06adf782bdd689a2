"""The text tower of a recorder gives open_clip's rows, by numpy and onnxruntime alone."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
open_clip = pytest.importorskip("open_clip")

from edge.command.retrieval import SearchRequest, _Query  # noqa: E402
from edge.config import Settings  # noqa: E402
from edge.contract.bundle import load_bundle, write_bundle  # noqa: E402
from edge.contract.errors import BundleError, ConfigError, DatasetError  # noqa: E402
from edge.contract.manifest import TEXT_ENCODER, TOKENIZER, load_manifest  # noqa: E402
from edge.recognition.text_tower import TextEncoder  # noqa: E402
from export.text_tower import add_text_tower  # noqa: E402
from gallery.teacher import Teacher  # noqa: E402
from tests.support.factories import DIM  # noqa: E402

LENGTH = 20
TEXTS = ("a small brown bird that sings at night", "", "don\u2019t &amp; can\u2019t", "z" * 200)


@pytest.fixture(scope="module")
def teacher() -> Teacher:
    torch.manual_seed(0)
    vision = {"layers": 1, "width": 32, "patch_size": 16, "image_size": 32, "head_width": 16}
    text = {"context_length": LENGTH, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
    model = open_clip.CLIP(DIM, vision, text).eval().requires_grad_(False)
    tokenize = open_clip.SimpleTokenizer(context_length=LENGTH)
    return Teacher("tiny", model, preprocess=None, tokenize=tokenize, space_id="b" * 64)


@pytest.fixture
def bundle(small_manifest, small_contents, tmp_path):
    write_bundle(tmp_path / "bundle", small_manifest, small_contents)
    return tmp_path / "bundle"


def test_the_rows_are_the_teachers(bundle, teacher) -> None:
    written = add_text_tower(bundle, teacher)
    assert written.provenance["text_tower"]["least_cosine_on_texts"] >= 0.9999
    found = TextEncoder(bundle, load_manifest(bundle)).embed(TEXTS)
    assert ((found * teacher.embed_texts(TEXTS)).sum(axis=1) > 0.9999).all()
    with pytest.raises(BundleError, match=f"expected rows of {DIM + 1}"):
        TextEncoder(bundle, replace(written, embedding_dim=DIM + 1)).embed(["a bird"])
    assert {TEXT_ENCODER, TOKENIZER} < load_bundle(bundle).manifest.roles.keys()


def test_words_are_searched_by_the_tower_and_names_by_anchors(bundle, teacher, tmp_path) -> None:
    settings = Settings(bundle=str(bundle), station=str(tmp_path))
    asked = SearchRequest(text="a small brown bird")
    with pytest.raises(ConfigError):
        _Query(settings).rows(asked)
    add_text_tower(bundle, teacher)
    (row,) = _Query(settings).rows(asked)
    assert row @ teacher.embed_texts(["a small brown bird"])[0] > 0.9999
    anchors = load_bundle(bundle).anchors_by_id
    (row,) = _Query(settings).rows(SearchRequest(text="Strix aluco"))
    assert (row == anchors["strix_aluco"]).all()


def test_another_space_or_tokenizer_is_refused(bundle, teacher) -> None:
    before = (bundle / "manifest.json").read_bytes()
    with pytest.raises(BundleError, match="--teacher"):
        add_text_tower(bundle, replace(teacher, space_id="c" * 64))
    with pytest.raises(DatasetError, match="SimpleTokenizer"):
        add_text_tower(bundle, replace(teacher, tokenize=lambda texts: texts))
    sensitive = open_clip.SimpleTokenizer(context_length=LENGTH, clean="whitespace")
    with pytest.raises(DatasetError, match="other numbers"):
        add_text_tower(bundle, replace(teacher, tokenize=sensitive))
    assert (bundle / "manifest.json").read_bytes() == before
