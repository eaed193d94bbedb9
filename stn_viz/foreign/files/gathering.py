"""From leaves to weights: tensors are made, names shortened, and what was met on the way is told in notes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..kinds import ForeignError, Weights
from .archives import AGAIN
from .facts import facts_of
from .saved import Saved
from .tensors import MAX_TENSORS, UnfitError, in_words, is_tensor, make, shape_of
from .tree import outline
from .unwrapping import Found, state_dicts, without_prefix

if TYPE_CHECKING:
    from torch import Tensor

MAX_STATE_DICTS = 32
_AT_LEAST = 2**20
_TIMES = 8

_FAMILIAR = ("torch.", "torch._utils.", "collections.", "builtins.", "_codecs.", "numpy.", "copyreg.", "__builtin__.")
_HOW = "Save model.state_dict() with torch.save."


def gather(file: Saved, name: str, size: int) -> tuple[tuple[Weights, ...], dict[str, int | float | str], list[str]]:
    """Make the weights of every state_dict in a file, the likeliest first; what lies beside them; the notes.

    Raises: ForeignError if there is none, or if one needs more than the file holds.
    """
    if is_tensor(file.tree):
        shape = shape_of(file.tree)
        told = f"one tensor of the shape {in_words(shape)}" if shape else "one number, as a tensor"
        raise ForeignError(f"{name} holds {told}, not a network's weights. {_HOW}")
    try:
        found, aside = state_dicts(file.tree)
    except UnfitError as error:
        raise ForeignError(f"{name} {error}.") from error
    if not found:
        raise ForeignError(f"{name} holds no network's weights, but {outline(file.tree)}. {_HOW}")
    notes: list[str] = []
    gathered_: list[Weights] = []
    budget = _Budget(max(_TIMES * size, _AT_LEAST))
    count = 0
    for one in found[:MAX_STATE_DICTS]:
        count += len(one.leaves)
        if count > MAX_TENSORS:
            raise ForeignError(f"{name} holds more than {MAX_TENSORS:,} tensors, which no network's checkpoint needs.")
        weights = _weights(one, file, name, budget, notes)
        if weights is not None:
            gathered_.append(weights)
    if not gathered_:
        raise ForeignError(f"{name} holds no tensors that can be read. {notes[0]}" if notes else f"{name} is empty.")
    notes += _names(file, found)
    if aside:
        notes.append(f"Left aside: {', '.join(place[:60] for place in aside[:6])}{' ...' if len(aside) > 6 else ''}.")
    if any(storage.location.startswith(("cuda", "mps", "xpu")) for storage in file.storages):
        notes.append("Saved on a GPU; it is read on the CPU.")
    notes += _about(tuple(gathered_))
    used = {id(leaf) for one in found for leaf in one.leaves.values()}

    def number(leaf: Any) -> Any:
        try:
            return None if id(leaf) in used else make(leaf, file.read).item()
        except UnfitError:
            return None  # beside the weights, and no loss

    return tuple(gathered_), facts_of(file.tree, number), notes


def gathered(tensors: Mapping[str, "Tensor"], name: str) -> tuple[Weights, list[str]]:
    """Make weights of tensors that were read already. Raises: ForeignError if there are none."""
    if not tensors:
        raise ForeignError(f"{name} holds no tensors. Save the network's weights in it.")
    if len(tensors) > MAX_TENSORS:
        raise ForeignError(f"{name} holds {len(tensors):,} tensors; at most {MAX_TENSORS:,} are read.")
    notes: list[str] = []
    prefix, names = without_prefix(list(tensors))
    weights = Weights(place="", prefix=prefix, tensors=dict(zip(names, tensors.values(), strict=True)))
    return weights, [*notes, *_about((weights,))]


class _Budget:
    """Bytes that a file's tensors may need in all: views of one storage are many, and each may become a copy."""

    def __init__(self, limit: int) -> None:
        self.limit, self.spent = limit, 0

    def spend(self, size: int, name: str, key: str) -> None:
        self.spent += size
        if self.spent > self.limit:
            raise ForeignError(
                f"{name}: the tensors up to {key[:80]} need more than {self.limit:,} bytes, "
                f"far more than the file holds. {AGAIN}"
            )


def _weights(one: Found, file: Saved, name: str, budget: _Budget, notes: list[str]) -> Weights | None:
    tensors: dict[str, Tensor] = {}
    skipped: list[str] = []
    for key, leaf in one.leaves.items():
        try:
            tensor = make(leaf, file.read)
        except UnfitError as error:
            if "not read" not in str(error):
                raise ForeignError(
                    f"{name}: {key[:80]} {error}{'' if str(error).endswith('.') else f'. {AGAIN}'}"
                ) from error
            skipped.append(f"{key[:80]} {error}")
            continue
        budget.spend(tensor.nbytes, name, key)
        tensors[key] = tensor
    if skipped:
        more = f", and {len(skipped) - 1} more of its tensors are not" if len(skipped) > 1 else ""
        notes.append(f"{skipped[0]}{more}.")
    if not tensors:
        return None
    prefix, names = without_prefix(list(tensors))
    return Weights(place=one.place, prefix=prefix, tensors=dict(zip(names, tensors.values(), strict=True)))


def _names(file: Saved, found: list[Found]) -> list[str]:
    """What stand-ins stood for: a whole model, and the classes that are not torch's or Python's own."""
    notes = []
    module = next((one.module for one in found if one.module), None)
    if module:
        notes.append(f"A whole model of the class {module[:80]}: its weights are read, its code is not run.")
    strange = sorted(full for full in file.names if not full.startswith(_FAMILIAR) and full != module)
    if strange:
        more = f" and {len(strange) - 3} more" if len(strange) > 3 else ""
        notes.append(
            f"Empty stand-ins for {', '.join(full[:60] for full in strange[:3])}{more}: nothing of them was run."
        )
    return notes


def _finite(tensor: "Tensor") -> bool:
    """Whether all numbers are finite. A sum that is says so at once; one that is not may have overflowed."""
    import torch

    wide = torch.float64 if tensor.dtype == torch.float64 else torch.float32
    return bool(torch.isfinite(tensor.sum(dtype=wide))) or bool(torch.isfinite(tensor).all())


def _about(all_weights: tuple[Weights, ...]) -> list[str]:
    import torch

    notes = []
    for weights in all_weights:
        where = f" in {weights.place}" if weights.place else ""
        if weights.prefix:
            notes.append(f"Taken off the front of every name{where}: {weights.prefix}")
        types = {str(tensor.dtype).removeprefix("torch.") for tensor in weights.tensors.values()}
        small = sorted(types & {"float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"})
        if small:
            notes.append(f"Stored in half precision{where} ({', '.join(small)}).")
        floats = [
            (key, tensor)
            for key, tensor in weights.tensors.items()
            if tensor.is_floating_point() and tensor.element_size() > 1  # of 8 bits few operations know
        ]
        bad = next((key for key, tensor in floats if not _finite(tensor)), None)
        if bad is not None:
            kind = "nan" if torch.isnan(weights.tensors[bad]).any() else "inf"
            notes.append(f"{bad[:80]}{where} holds {kind}: the training had diverged when it was saved.")
    return notes
