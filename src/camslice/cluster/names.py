"""Names that objects in a cluster carry: the API group, labels, annotations, taints, folders inside a pod."""

from __future__ import annotations

GROUP = "camslice.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
FLEET_KIND, FLEET_PLURAL = "CameraFleet", "camerafleets"
CAMERA_KIND, CAMERA_PLURAL = "Camera", "cameras"

# Labels of nodes and pods.
SHAPE = f"{GROUP}/shape"
"""On nodes: the shape of the plan that a node pool's nodes are of, as FLEET.SHAPE. Pods select it."""
FLEET = f"{GROUP}/fleet"
SHARD = f"{GROUP}/shard"
"""On pods and on what goes with one: its stable name, SHAPE-ROW-NUMBER, which survives the pod."""
ROLE = f"{GROUP}/role"
"""`camera` (analyses streams) or `engine` (an engine server of topology remote)."""
MANAGED_BY = "app.kubernetes.io/managed-by"
OPERATOR = "camslice-operator"

# Annotations of pods.
REVISION = f"{GROUP}/revision"
"""Which revision of its configuration a pod is to run. A change makes the kubelet look at the mounts at once."""
TEMPLATE = f"{GROUP}/template"
"""A hash of everything in a pod that only a new pod can change: image, models, resources."""

TAINT = f"{GROUP}/cameras"
"""Key of the taint (NoSchedule) that keeps other work off nodes of a plan."""

# Folders and files inside a pod.
CONFIG_DIR = "/etc/camslice/fleet"
"""A pod's ConfigMap: `fleet.yaml` (what it runs, in the form of CLI's fleet.yaml) and `placement.json`."""
FLEET_FILE = "fleet.yaml"
PLACEMENT_FILE = "placement.json"
"""{"revision": "7", "epochs": {"CAMERA/MODEL": 12}}: which revision this is, and since which placement streams are here."""
SECRETS_DIR = "/etc/camslice/secrets"
"""A pod's Secret: a file NAME for each `${NAME}` in a source."""
MODELS_DIR = "/var/lib/camslice/models"
CACHE_DIR = "/var/cache/camslice"
SHM_DIR = "/dev/shm"  # noqa: S108 - a memory volume of the pod's own
SPOOL_DIR = "/var/spool/camslice"

HTTP_PORT = 8080
"""Page, API, metrics and probes of a camera pod."""
GRPC_PORT = 8500
"""An engine server's Open Inference Protocol."""
