"""A server that is not ours: KServe's own, with a small runtime for detectors. Runs in an environment of its own.

    python tests/kserve_server.py GRPC_PORT HTTP_PORT NAME=WEIGHTS.onnx ...

Each model takes the network's FP32 input and answers its raw outputs, computed by ONNX Runtime. Serves until it is killed.
"""

import sys

import onnxruntime
from kserve import InferOutput, InferResponse, Model, ModelServer


class Detector(Model):
    def __init__(self, name, weights):
        super().__init__(name)
        self._session = onnxruntime.InferenceSession(weights, providers=["CPUExecutionProvider"])
        self.ready = True

    def get_input_types(self):
        return [described(tensor) for tensor in self._session.get_inputs()]

    def get_output_types(self):
        return [described(tensor) for tensor in self._session.get_outputs()]

    def predict(self, payload, headers=None, response_headers=None):
        pictures = payload.inputs[0]
        names = [output.name for output in self._session.get_outputs()]
        answers = []
        for name, array in zip(names, self._session.run(names, {pictures.name: pictures.as_numpy()}), strict=True):
            output = InferOutput(name, list(array.shape), "FP32")
            output.set_data_from_numpy(array, binary_data=True)
            answers.append(output)
        return InferResponse(payload.id, self.name, answers)


def described(tensor):
    shape = [size if isinstance(size, int) else -1 for size in tensor.shape]
    return {"name": tensor.name, "datatype": "FP32", "shape": shape}


if __name__ == "__main__":
    grpc_port, http_port, *models = sys.argv[1:]
    detectors = [Detector(*model.split("=", 1)) for model in models]
    ModelServer(http_port=int(http_port), grpc_port=int(grpc_port), enable_grpc=True, workers=1).start(detectors)
