"""Ways in which a good inference request is spoiled, each touching one field."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.soak.fuzz.drafts import Draft, DraftTensor, bad_jpeg, jpegs
from tests.soak.fuzz.values import FLOATS, int64, integer, mutated, noise, word

DATATYPES = ("BOOL", "UINT8", "INT8", "UINT64", "INT64", "FP16", "BF16", "FP32", "FP64", "BYTES", "fp32", "")
PARAMETERS = (
    "confidence", "nms_iou", "classes", "timeout", "priority", "sequence_id", "binary_data", "binary_data_size",
    "binary_data_output", "classification", "shared_memory_region", "shared_memory_offset", "shared_memory_byte_size",
)  # fmt: skip


def bend(draft: Draft, chance: Random) -> None:
    """Spoil one to three fields."""
    for _ in range(chance.randint(1, 3)):
        chance.choice(BENDS)(draft, chance)


def names(draft: Draft, chance: Random) -> None:
    setattr(draft, chance.choice(("version", "id")), word(chance))


def model(draft: Draft, chance: Random) -> None:
    draft.model = word(chance)


def parameters(draft: Draft, chance: Random) -> None:
    draft.parameters[chance.choice((*PARAMETERS, word(chance)))] = parameter(chance)


def input_parameters(draft: Draft, chance: Random) -> None:
    for each in draft.inputs[:1]:
        each.parameters[chance.choice(PARAMETERS)] = parameter(chance)


def input_in_memory(draft: Draft, chance: Random) -> None:
    for each in draft.inputs[:1]:
        each.parameters |= in_memory(chance)
        each.data = each.data if chance.random() < 0.2 else b""


def outputs(draft: Draft, chance: Random) -> None:
    draft.outputs = [(chance.choice(("boxes", "output0", word(chance))), {}) for _ in range(chance.choice((1, 1, 2, 300)))]


def output_in_memory(draft: Draft, chance: Random) -> None:
    draft.outputs = [(chance.choice(("boxes", "output0")), in_memory(chance))]


def shape(draft: Draft, chance: Random) -> None:
    for each in draft.inputs[:1]:
        match chance.randrange(4):
            case 0:
                each.shape = [int64(chance) for _ in range(chance.randrange(12))]
            case 1:
                each.shape = [2**31 - 1] * chance.choice((1, 2, 4, 8, 5000))
            case _ if each.shape:
                each.shape[chance.randrange(len(each.shape))] = int64(chance)


def datatype(draft: Draft, chance: Random) -> None:
    for each in draft.inputs[:1]:
        each.datatype = chance.choice((*DATATYPES, word(chance)))


def content(draft: Draft, chance: Random) -> None:
    for each in draft.inputs[:1]:
        each.data = chance.choice(
            (b"", each.data[:-1], each.data + b"\0", each.data[: len(each.data) // 2], noise(chance, 3000))
        )


def jpeg_content(draft: Draft, chance: Random) -> None:
    draft.inputs = [jpegs(chance, [bad_jpeg(chance) for _ in range(chance.choice((1, 1, 4, 70)))])]


def content_bytes(draft: Draft, chance: Random) -> None:
    for each in draft.inputs[:1]:
        each.data = mutated(each.data, chance)


def inputs(draft: Draft, chance: Random) -> None:
    match chance.randrange(5):
        case 0:
            draft.inputs = []
        case 1:
            size = sum(len(each.data) for each in draft.inputs)
            draft.inputs *= chance.choice((2, 3, 400)) if size < 20_000 else 2
        case 2:
            draft.inputs.append(DraftTensor("colour", "FP32", [1, 3, 4], bytes(48)))
        case 3:
            draft.inputs.append(DraftTensor(word(chance), "UINT8", [1], b"\0"))
        case 4:
            draft.inputs[:1] = [DraftTensor(word(chance), each.datatype, each.shape, each.data) for each in draft.inputs[:1]]


def huge(draft: Draft, chance: Random) -> None:
    """Sizes just within and just beyond what is allowed, now and then with all their bytes."""
    height, width = chance.choice(((4000, 4000), (4001, 4000), (1, 8192), (8193, 1), (100_000, 100_000), (2160, 3840)))
    data = bytes(height * width * 3) if height * width < 17_000_000 and chance.random() < 0.05 else bytes(100)
    draft.inputs = [DraftTensor("picture", "UINT8", [1, height, width, 3], data)]


def parameter(chance: Random) -> object:
    """What a parameter can be, on any transport."""
    return chance.choice((True, integer(chance), chance.choice(FLOATS), word(chance), int64(chance)))


def in_memory(chance: Random) -> dict[str, object]:
    """Parameters that place a tensor somewhere in shared memory."""
    region = chance.choice(("good", "good", "small", "cut", "gone", word(chance)))
    size = chance.choice((12_288, 1, 4096, int64(chance)))
    return {
        "shared_memory_region": region,
        "shared_memory_byte_size": size,
        "shared_memory_offset": chance.choice((0, 0, int64(chance))),
    }


BENDS: tuple[Callable[[Draft, Random], None], ...] = (
    names, model, parameters, parameters, input_parameters, input_in_memory, outputs, output_in_memory, shape, shape, datatype,
    content, jpeg_content, jpeg_content, content_bytes, inputs, huge,
)  # fmt: skip
