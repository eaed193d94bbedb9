"""What was recognised, in words for a terminal: the files, the transformers in them, and what is assumed of those."""

from collections.abc import Iterator

from .kinds import Transformer
from .recognising import Recognised

MOST_LINES = 40
MOST_SIZES = 8


def words(recognised: Recognised) -> str:
    """Everything that `--list` prints but the problems."""
    return "\n".join(_lines(recognised))


def _lines(recognised: Recognised) -> Iterator[str]:
    count = len(recognised.checkpoints)
    if count:
        yield f"{count} checkpoint{'s' if count > 1 else ''}, in this order:"
    for index, (number, checkpoint) in enumerate(zip(recognised.numbers, recognised.checkpoints, strict=True)):
        if count > MOST_LINES and MOST_LINES // 2 <= index < count - MOST_LINES // 2:
            if index == MOST_LINES // 2:
                yield f"  ... {count - MOST_LINES} more ..."
            continue
        weights = checkpoint.weights[0]
        place = f", weights in {weights.place}" if weights.place else ""
        prefix = f", without {weights.prefix!r}" if weights.prefix else ""
        tensors = f"{len(weights.tensors)} tensors"
        yield (
            f"  {recognised.counter} {number:>6}  {checkpoint.path.name}  ({checkpoint.kind}, {tensors}{place}{prefix})"
        )
    for note in dict.fromkeys(note for checkpoint in recognised.checkpoints for note in checkpoint.notes):
        yield f"  - {note}"
    for note in recognised.notes:
        yield f"  - {note}"
    if recognised.model is not None:
        yield f"The whole network: {recognised.model_name}"
    if recognised.transformers:
        several = len(recognised.transformers) > 1
        yield f"{len(recognised.transformers)} transformers, found by their shapes:" if several else "1 transformer:"
    for transformer in recognised.transformers:
        yield from _transformer(transformer)
    if recognised.tree:
        yield "No transformer was found by its shapes. The files contain:"
        yield ""
        yield recognised.tree


def _transformer(transformer: Transformer) -> Iterator[str]:
    name = transformer.name or "(at the top)"
    known = f", known as {transformer.known}" if transformer.known else ""
    yield f"  {name}: {transformer.outputs} outputs, {transformer.channels} channel(s) in{known}"
    sizes = ", ".join("x".join(map(str, size)) for size in transformer.sizes[:MOST_SIZES])
    more = f" and {len(transformer.sizes) - MOST_SIZES} more" if len(transformer.sizes) > MOST_SIZES else ""
    yield f"    --size         {_size(transformer.choices.size)}  (fit: {sizes or 'any'}{more})"
    choices = transformer.choices
    yield f"    --reading      {choices.reading}  (of {', '.join(transformer.readings) or 'none'})"
    yield f"    --activation   {choices.activation}"
    yield f"    --output-size  {_size(choices.output_size or choices.size)}"
    yield f"    --kernel {choices.kernel}  --padding {choices.padding}  align_corners {choices.align_corners}"
    if choices.mean or choices.std:
        yield f"    --mean {' '.join(f'{v:g}' for v in choices.mean)}  --std {' '.join(f'{v:g}' for v in choices.std)}"
    for note in transformer.notes:
        yield f"    - {note}"


def _size(size: tuple[int, ...]) -> str:
    return "x".join(map(str, size))
