"""Reading an OpenVINO IR file's shapes and metadata, without OpenVINO: the .xml says it all."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import yaml

from camslice.fleet.errors import ModelError
from camslice.models.weights_file import Shape, WeightsFile


def read_ir(path: Path) -> WeightsFile:
    """See `weights_file.read_weights`. The weights lie in the .bin beside it; Ultralytics adds a metadata.yaml."""
    try:
        net = ElementTree.parse(path).getroot()  # noqa: S314 - the user's own file, and expat limits entity expansion
    except ElementTree.ParseError as error:
        raise ModelError(f"model {path}: this is no OpenVINO IR ({error}).") from error
    if net.tag != "net":
        raise ModelError(f"model {path}: this is XML, but no OpenVINO IR (its root is <{net.tag}>, not <net>).")
    binary = path.with_suffix(".bin")
    if not binary.is_file():
        raise ModelError(f"model {path}: its weights {binary.name} do not lie beside it.")
    inputs = [_shape(port) for port in net.findall("./layers/layer[@type='Parameter']/output/port")]
    if len(inputs) != 1:
        raise ModelError(f"model {path}: it has {len(inputs)} inputs; camslice runs models with one, the picture.")
    outputs = tuple(_shape(port) for port in net.findall("./layers/layer[@type='Result']/input/port"))
    return WeightsFile(path, (path, binary), inputs[0], outputs, {**_runtime_info(net), **_sidecar(path)})


def _shape(port: ElementTree.Element) -> Shape:
    sizes = [int(dim.text or -1) for dim in port.findall("dim")]
    return tuple(size if size > 0 else None for size in sizes)


def _runtime_info(net: ElementTree.Element) -> dict[str, str]:
    """`<rt_info><model_info><labels value="..."/>...`: what exporters note about a model."""
    return {element.tag: element.get("value", "") for element in net.findall("./rt_info/model_info/*")}


def _sidecar(path: Path) -> dict[str, str]:
    sidecar = path.with_name("metadata.yaml")
    if not sidecar.is_file():
        return {}
    try:
        content = yaml.safe_load(sidecar.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ModelError(f"model {path}: its {sidecar.name} is no YAML.") from error
    return {str(key): str(value) for key, value in content.items()} if isinstance(content, dict) else {}
