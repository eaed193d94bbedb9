"""Files that are code: never loaded before a yes to that very content, and then from the bytes that were hashed."""

import hashlib
import io
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from stn_viz.foreign import CodeError, ForeignError
from stn_viz.foreign.programs import from_factory, input_shape, open_program, program_checkpoint
from stn_viz.runs.trust import trust


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.loc = nn.Linear(30, 6)
        self.fc = nn.Linear(30, 4)

    def forward(self, U: torch.Tensor) -> torch.Tensor:
        theta = self.loc(U.flatten(1)).view(-1, 2, 3)
        grid = F.affine_grid(theta, [U.shape[0], 1, 5, 6], align_corners=False)
        return self.fc(F.grid_sample(U, grid, align_corners=False).flatten(1))


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STN_VIZ_HOME", str(tmp_path / "home"))


def exported(path: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    torch.export.save(torch.export.export(Net().eval(), (torch.zeros(2, 1, 5, 6),)), str(path))
    return path


def scripted(path: Path) -> Path:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(Net().eval(), torch.zeros(2, 1, 5, 6)), str(path))
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def never(*args: Any, **kwargs: Any) -> Any:
    pytest.fail("a file that nobody said yes to was loaded")


@pytest.mark.parametrize(("make", "kind"), [(exported, "program of torch.export"), (scripted, "TorchScript archive")])
def test_code_opens_only_after_a_yes_to_that_very_content(
    make: Any, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "net.pt2")
    with monkeypatch.context() as patched:
        for module, name in ((torch.export, "load"), (torch.jit, "load"), (torch, "load")):
            patched.setattr(module, name, never)
        with pytest.raises(CodeError, match=f"net.pt2 is a {kind}, which is code. Opening it runs code") as refused:
            open_program(path)
        assert refused.value.digest == digest(path)
        trust("0" * 64, "something else")
        with pytest.raises(CodeError):
            open_program(path)
    trust(refused.value.digest, "net.pt2")
    model = open_program(path)
    torch.manual_seed(0)
    net, U = Net(), torch.rand(2, 1, 5, 6)
    torch.testing.assert_close(model(U), net(U))
    checkpoint = program_checkpoint(path, model)
    assert checkpoint.kind == kind
    assert {name: tensor.tolist() for name, tensor in checkpoint.weights[0].tensors.items()} == {
        name: tensor.tolist() for name, tensor in net.state_dict().items()
    }

    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with monkeypatch.context() as patched:
        for module in (torch.export, torch.jit):
            patched.setattr(module, "load", never)
        with pytest.raises(ForeignError):  # one bit less, or more: another file
            open_program(path)


def test_what_is_loaded_is_what_was_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = exported(tmp_path / "net.pt2")
    evil = exported(tmp_path / "evil.pt2", seed=1).read_bytes()
    trust(digest(path), "net.pt2")
    loaded = []
    real = torch.export.load

    def watched(source: Any) -> Any:
        loaded.append(hashlib.sha256(source.getvalue()).hexdigest())
        return real(source)

    expected = digest(path)
    monkeypatch.setattr(torch.export, "load", watched)
    from stn_viz.foreign import programs

    def swapped(checked: str) -> bool:
        path.write_bytes(evil)  # the file is put aside between the check and the loading
        return checked == expected

    monkeypatch.setattr(programs, "is_trusted", swapped)
    open_program(path)
    assert loaded == [expected]


def test_the_shape_of_a_programs_input_is_known(tmp_path: Path) -> None:
    path = exported(tmp_path / "net.pt2")
    trust(digest(path), "net.pt2")
    assert input_shape(open_program(path)) == (2, 1, 5, 6)
    assert input_shape(Net()) is None


def test_archives_that_are_neither_or_cannot_be_loaded(tmp_path: Path) -> None:
    plain = tmp_path / "plain.pt2"
    torch.save({"a": torch.zeros(2)}, plain)
    with pytest.raises(ForeignError, match=r"plain\.pt2 is neither a program"):
        open_program(plain)
    with pytest.raises(ForeignError, match="cannot be read"):
        open_program(tmp_path / "missing.pt2")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("archive/models/model.json", "{}")
    broken = tmp_path / "broken.pt2"
    broken.write_bytes(content.getvalue())
    trust(digest(broken), "broken.pt2")
    with pytest.raises(ForeignError, match=r"broken\.pt2 is a program of torch\.export that this torch .* cannot open"):
        open_program(broken)


def test_a_factory_is_the_users_own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "d_mynet.py").write_text(
        "import torch\n"
        "class Net(torch.nn.Linear):\n"
        "    def __init__(self): super().__init__(2, 3)\n"
        "class Wide(torch.nn.Linear): pass\n"
        "def make(): return Net()\n"
        "ready = Net()\n"
        "def number(): return 7\n"
        "def fails(): raise ValueError('no such width')\n"
        "class Namespace: Inner = Net\n"
    )
    (tmp_path / "d_needy.py").write_text("import d_not_installed_anywhere\n")
    (tmp_path / "d_wrong.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for words in ("d_mynet:Net", "d_mynet:make", "d_mynet:ready", "d_mynet:Namespace.Inner"):
        assert isinstance(from_factory(words), nn.Linear)
    for words, sentence in (
        ("d_mynet", "write it as package.module:factory"),
        ("d_absent:Net", "There is no module 'd_absent', in this folder or installed"),
        ("d_mynet.deeper:Net", "There is no module 'd_mynet.deeper'"),
        ("d_needy:Net", "d_needy needs the module 'd_not_installed_anywhere', which is not installed"),
        ("d_wrong:Net", "d_wrong cannot be imported: ZeroDivisionError: division by zero"),
        ("d_mynet:Other", "d_mynet has no 'Other'"),
        ("d_mynet:number", "d_mynet:number gives a int, expected a torch.nn.Module"),
        ("d_mynet:fails", "cannot be called without arguments: ValueError: no such width"),
        ("d_mynet:Wide", "cannot be called without arguments: TypeError"),
    ):
        with pytest.raises(ForeignError, match=sentence):
            from_factory(words)
