"""A picture map holds the places of open_clip's towers: exact where pooling is a mean."""

from dataclasses import replace

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
torch = pytest.importorskip("torch")
open_clip = pytest.importorskip("open_clip")

from edge.contract.bundle import npy_bytes, write_bundle  # noqa: E402
from edge.contract.errors import BundleError, DatasetError  # noqa: E402
from edge.contract.gallery import Gallery, GalleryRow  # noqa: E402
from edge.contract.manifest import IMAGE_ENCODER, PICTURE_MAP, load_manifest  # noqa: E402
from edge.recognition.picture_map import PictureMap  # noqa: E402
from edge.recognition.pictures import prepared  # noqa: E402
from edge.recognition.runtime import RuntimeOptions, open_session  # noqa: E402
from export.dense_graph import DenseGraph  # noqa: E402
from export.image_tower import add_image_tower, put_network, spec_of  # noqa: E402
from export.picture_map import MapSource, add_picture_map, main, teacher_map  # noqa: E402
from gallery.dense import DenseCnn, DenseVit, UnitPlaces, dense_tower  # noqa: E402
from gallery.teacher import Teacher, load_teacher  # noqa: E402
from tests.support.picture_maps import map_graph, patched, spec  # noqa: E402
from train.bridges.image_student import begin_image_student, save_image_student  # noqa: E402
from train.pretraining.image_text import save_open_clip  # noqa: E402

TEXT = {"context_length": 64, "vocab_size": 49_408, "width": 32, "heads": 2, "layers": 1}
TOWERS = {
    "vit": {"layers": 2, "width": 32, "head_width": 16, "patch_size": 16},
    "cnn": {"timm_model_name": "resnet10t", "timm_pool": "avg", "timm_proj": "linear"},
    "starter": {
        "timm_model_name": "birdlisten_inat_mobilenetv2",
        "timm_pool": "avg",
        "timm_proj": "linear",
    },
}
PICTURES = [patched(*size, (10, 10, 60, 50)) for size in ((300, 200), (80, 160))]


def write_tower(kind: str, folder) -> str:
    torch.manual_seed(0)
    vision = {"image_size": 64, **TOWERS[kind]}
    config = {"embed_dim": 16, "vision_cfg": vision, "text_cfg": TEXT}
    import gallery.towers  # noqa: F401

    model = open_clip.CLIP(**config)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    save_open_clip(model, config, folder)
    return f"local-dir:{folder}"


@pytest.fixture(scope="module")
def teachers(tmp_path_factory) -> dict[str, Teacher]:
    folders = tmp_path_factory.mktemp("towers")
    return {kind: load_teacher(write_tower(kind, folders / kind)) for kind in TOWERS}


@pytest.fixture
def bundle(small_manifest, small_contents, teachers, tmp_path):
    """Makes a bundle of a teacher's space."""

    def make(kind: str = "vit"):
        rows = teachers[kind].embed_images(PICTURES).astype(np.float16)
        species = ("cuculus_canorus", "strix_aluco")
        table = tuple(GalleryRow(name, "", "https://x", "me", "CC0") for name in species)
        space = teachers[kind].space_id
        manifest = replace(small_manifest, embedding_dim=rows.shape[1], space_id=space)
        contents = {role: small_contents[role] for role in ("encoder.fp32", "taxonomy")}
        contents |= {
            "gallery.rows": npy_bytes(rows),
            "gallery.table": Gallery(rows, table).table_csv(),
        }
        write_bundle(tmp_path / kind, manifest, contents)
        return tmp_path / kind

    return make


@pytest.mark.parametrize("kind", ["vit", "cnn"])
def test_the_recorder_sees_the_places_that_torch_does(kind, teachers, bundle):
    teacher, folder = teachers[kind], bundle(kind)
    written = add_picture_map(folder, teacher_map(folder, teacher))
    assert written.picture_map == spec_of(teacher)
    assert written.provenance["picture_map"]["least_cosine_of_places"] >= 0.9999
    network, dense = PictureMap(folder, written), UnitPlaces(dense_tower(teacher.model.visual))
    for picture in PICTURES:
        planes = torch.from_numpy(prepared(picture, written.picture_map))[None]
        with torch.inference_mode():
            expected = dense(planes)[0].numpy()
        found = network.places(picture)
        assert found.shape == ((4, 4, 16) if kind == "vit" else (2, 2, 16))
        assert (found * expected).sum(axis=-1).min() >= 0.9999


def test_a_model_that_gives_no_numbers_is_no_match(teachers, bundle):
    folder = bundle("cnn")
    source = teacher_map(folder, teachers["cnn"])
    nothing = replace(source, expected=lambda planes: source.expected(planes) * np.nan)
    before = load_manifest(folder)
    with pytest.raises(DatasetError, match="cosine of nan"):
        add_picture_map(folder, nothing)
    assert load_manifest(folder) == before


def test_the_bundle_s_own_tower_is_cut_open(teachers, bundle, capsys):
    teacher, folder = teachers["cnn"], bundle("cnn")
    assert main([str(folder), "--tower"]) == 1
    assert "python -m export.image_tower" in capsys.readouterr().err
    add_image_tower(folder, teacher)
    assert main([str(folder), "--tower"]) == 0
    manifest = load_manifest(folder)
    assert manifest.picture_map == manifest.image
    assert manifest.provenance["picture_map"]["least_cosine_of_places"] >= 0.9999
    planes = prepared(PICTURES[0], manifest.picture_map)[None]
    with torch.inference_mode():
        expected = UnitPlaces(dense_tower(teacher.model.visual))(torch.from_numpy(planes))[0]
    found = PictureMap(folder, manifest).places(PICTURES[0])
    assert (found * expected.numpy()).sum(axis=-1).min() >= 0.9999


def relu_tower(pooled: bool = True) -> onnx.ModelProto:
    """Four features of each 8 x 8 pixels; none of them where it is black."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    drawn = np.random.default_rng(0)
    weights = {
        "kernel": drawn.normal(size=(4, 3, 8, 8)).astype(np.float32),
        "projection": drawn.normal(size=(4, 5)).astype(np.float32),
    }
    pooling = "GlobalAveragePool" if pooled else "GlobalMaxPool"
    nodes = [
        helper.make_node("Conv", ["image", "kernel"], ["features"], strides=[8, 8]),
        helper.make_node("Relu", ["features"], ["positive"]),
        helper.make_node(pooling, ["positive"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("MatMul", ["flat", "projection"], ["linear"]),
        helper.make_node("ReduceL2", ["linear"], ["length"], axes=[1]),
        helper.make_node("Div", ["linear", "length"], ["embedding"]),
    ]
    body = helper.make_graph(
        nodes,
        "tower",
        [helper.make_tensor_value_info("image", kind, ["batch", 3, 24, 24])],
        [helper.make_tensor_value_info("embedding", kind, ["batch", 5])],
        [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 13)], ir_version=10)


def test_a_cut_graph_is_the_literal_one_and_zero_where_nothing_is_seen():
    tower = relu_tower()
    dense = DenseGraph(tower)
    kernel, projection = (onnx.numpy_helper.to_array(part) for part in tower.graph.initializer)
    planes = np.random.default_rng(1).uniform(size=(1, 3, 24, 24)).astype(np.float32)
    planes[..., 8:16, 16:24] = 0
    patches = planes[0].reshape(3, 3, 8, 3, 8).transpose(1, 3, 0, 2, 4)  # [y, x, 3, 8, 8]
    rows = np.maximum(np.einsum("yxcij,kcij->yxk", patches, kernel), 0) @ projection
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    expected = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    assert not expected[1, 2].any()
    session = open_session(dense.opened().SerializeToString(), RuntimeOptions("cpu"))
    np.testing.assert_allclose(session.run(None, {"picture": planes})[0][0], expected, atol=1e-5)
    np.testing.assert_allclose(dense.by_parts(planes)[0], expected, atol=1e-5)
    twice = session.run(None, {"picture": np.concatenate([planes, 2 * planes])})[0]
    np.testing.assert_allclose(twice[1], expected, atol=1e-5)


def test_a_graph_without_a_mean_over_places_is_refused():
    with pytest.raises(DatasetError, match="no mean over places"):
        DenseGraph(relu_tower(pooled=False))


def test_places_without_features_stay_zero():
    dense = UnitPlaces(torch.nn.Identity())
    rows = torch.tensor([[[[3.0, 4.0], [0.0, 0.0]]]])
    assert dense(rows).tolist() == [[[[pytest.approx(0.6), pytest.approx(0.8)], [0.0, 0.0]]]]


@pytest.mark.parametrize("kind", ["starter", "cnn"])
def test_the_mean_of_a_linear_heads_places_is_the_picture(kind, teachers):
    visual = teachers[kind].model.visual
    planes = torch.randn(2, 3, 128, 128)
    with torch.inference_mode():
        places = DenseCnn(visual)(planes)
        assert places.shape == (2, 4, 4, 16)
        torch.testing.assert_close(places.mean(dim=(1, 2)), visual(planes), atol=1e-5, rtol=1e-4)


def test_a_transformers_value_path_is_attention_to_oneself(teachers):
    """Literal form: the last layer, with a mask by which each token sees itself alone."""
    visual = teachers["vit"].model.visual
    planes = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        tokens = visual._embeds(planes)
        *blocks, last = visual.transformer.resblocks
        for block in blocks:
            tokens = block(tokens)
        alone = torch.full((17, 17), -torch.inf).fill_diagonal_(0.0)
        seen = visual.ln_post(last(tokens, attn_mask=alone)) @ visual.proj
        expected = seen[:, 1:].reshape(2, 4, 4, 16)
        torch.testing.assert_close(DenseVit(visual)(planes), expected, atol=1e-5, rtol=1e-4)


def test_places_are_laid_out_as_the_picture(teachers):
    """A change in one corner changes most there."""
    for kind in ("vit", "cnn"):
        dense = dense_tower(teachers[kind].model.visual)
        grey = torch.zeros(1, 3, 128 if kind == "cnn" else 64, 128 if kind == "cnn" else 64)
        side = grey.shape[-1]
        marked = grey.clone()
        marked[..., : side // 4, -side // 4 :] = 2.0
        with torch.inference_mode():
            change = (dense(marked) - dense(grey)).norm(dim=-1)[0]
        assert divmod(int(change.argmax()), change.shape[1]) == (0, change.shape[1] - 1)


@pytest.mark.parametrize(
    "vision",
    [
        {"timm_model_name": "resnet10t", "timm_pool": "rot_attn", "timm_proj": ""},
        {**TOWERS["vit"], "attentional_pool": True, "attn_pooler_heads": 2},
    ],
)
def test_a_tower_without_places_is_refused(vision):
    size = 224 if "timm_model_name" in vision else 64
    config = {"image_size": size, **vision}
    visual = open_clip.CLIP(embed_dim=16, vision_cfg=config, text_cfg=TEXT).visual
    with pytest.raises(DatasetError, match="whose places have no embeddings"):
        dense_tower(visual)


def test_map_and_tower_leave_each_other_where_they_lie(teachers, bundle, tmp_path):
    folder, spec = bundle(), spec_of(teachers["vit"])

    def put(role, file=None):
        fed = {"image": spec, "picture_map": spec}
        return put_network(folder, replace(load_manifest(folder), **fed), role, b"graph", file)

    put(IMAGE_ENCODER, tmp_path / "tower.onnx")
    assert {*put(PICTURE_MAP, tmp_path / "map.onnx").apart} == {IMAGE_ENCODER, PICTURE_MAP}
    assert (tmp_path / "map.onnx").read_bytes() == b"graph"
    assert {*put(IMAGE_ENCODER).apart} == {PICTURE_MAP}
    assert {IMAGE_ENCODER, PICTURE_MAP} <= {*put(PICTURE_MAP).roles}
    assert load_manifest(folder).apart == {}


def test_another_space_is_refused(teachers, bundle):
    with pytest.raises(BundleError, match="another space"):
        teacher_map(bundle("vit"), teachers["cnn"])


def test_a_graph_that_sees_otherwise_is_not_written(bundle):
    folder = bundle()
    before = sorted(file.name for file in folder.iterdir())
    graph, fed = onnx.load_from_string(map_graph()), spec()
    source = MapSource(graph, lambda planes: -np.ones((1, 4, 4, 8), np.float32), fed, {})
    with pytest.raises(DatasetError, match="nothing was written"):
        add_picture_map(folder, source)
    assert sorted(file.name for file in folder.iterdir()) == before


def test_the_command_makes_a_map(teachers, bundle, capsys):
    folder = bundle()
    name = ["--teacher", teachers["vit"].name]
    assert main([str(folder), *name, "--resize", "squash"]) == 0
    manifest = load_manifest(folder)
    assert manifest.picture_map.resize == "squash"
    assert manifest.roles[PICTURE_MAP].file in capsys.readouterr().out


def test_the_command_says_what_is_missing(bundle, tmp_path, capsys):
    assert main([str(tmp_path / "none"), "--teacher", "x"]) == 1
    assert "no bundle here" in capsys.readouterr().err
    assert main([str(bundle()), "--checkpoint", str(tmp_path)]) == 1
    assert "python -m train.bridges localise" in capsys.readouterr().err


@pytest.fixture
def run_folder(teachers, tmp_path):
    """A run of `train.bridges localise` as far as this command sees it."""
    teacher, folder = teachers["vit"], tmp_path / "run"
    folder.mkdir()
    save_image_student(folder, begin_image_student("", teacher))
    return folder


def test_a_run_s_image_student_is_taken(run_folder, bundle, teachers, capsys):
    folder = bundle("vit")
    assert main([str(folder), "--checkpoint", str(run_folder)]) == 0
    manifest = load_manifest(folder)
    assert manifest.provenance["picture_map"]["checkpoint"] == "run"
    assert PictureMap(folder, manifest).places(PICTURES[0]).shape == (4, 4, 16)
    assert main([str(bundle("cnn")), "--checkpoint", str(run_folder)]) == 1
    assert "in another space" in capsys.readouterr().err
