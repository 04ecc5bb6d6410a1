"""Families of processors, by the numbers the kernel gives."""

from __future__ import annotations

import pytest

from camslice.measure.profile.cpu_family import cpu_family

X86 = "processor\t: 0\nvendor_id\t: {}\ncpu family\t: {}\nmodel\t\t: {}\nstepping\t: {}\n\nprocessor\t: 1\nvendor_id\t: other\n"


@pytest.mark.parametrize(
    ("vendor", "family", "model", "stepping", "expected"),
    [
        ("AuthenticAMD", 23, 1, 2, "AMD Zen"),
        ("AuthenticAMD", 23, 49, 0, "AMD Zen 2"),
        ("AuthenticAMD", 25, 1, 1, "AMD Zen 3"),
        ("AuthenticAMD", 25, 17, 1, "AMD Zen 4"),
        ("AuthenticAMD", 25, 160, 2, "AMD Zen 4"),
        ("AuthenticAMD", 26, 2, 1, "AMD Zen 5"),
        ("AuthenticAMD", 99, 2, 1, "AuthenticAMD family 99 model 2"),
        ("GenuineIntel", 6, 85, 4, "Intel Skylake"),
        ("GenuineIntel", 6, 85, 7, "Intel Cascade Lake"),
        ("GenuineIntel", 6, 85, 11, "Intel Cooper Lake"),
        ("GenuineIntel", 6, 106, 6, "Intel Ice Lake"),
        ("GenuineIntel", 6, 143, 8, "Intel Sapphire Rapids"),
        ("GenuineIntel", 6, 1, 8, "GenuineIntel family 6 model 1"),
    ],
)
def test_processors_are_known_by_their_numbers(vendor: str, family: int, model: int, stepping: int, expected: str) -> None:
    assert cpu_family(X86.format(vendor, family, model, stepping)) == expected


@pytest.mark.parametrize(
    ("part", "expected"), [("0xd0c", "Arm Neoverse N1"), ("0xd40", "Arm Neoverse V1"), ("0x999", "Arm part 0x999")]
)
def test_arm_processors_are_known_by_their_part(part: str, expected: str) -> None:
    assert cpu_family(f"processor : 0\nCPU implementer : 0x41\nCPU part : {part}\n") == expected


def test_the_case_studys_machines_bear_the_name_that_is_measured_on_them() -> None:
    from camslice.fleet.profile_json import load_profile

    assert load_profile("t4-case-study").machine.cpu_family == cpu_family(X86.format("GenuineIntel", 6, 85, 7))


@pytest.mark.parametrize("text", ["", "nonsense", "vendor_id : AuthenticAMD"])
def test_what_the_kernel_does_not_say_is_no_mistake(text: str) -> None:
    assert cpu_family(text)
