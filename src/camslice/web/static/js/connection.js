// The one WebSocket of this page: status and pictures come in, what is watched and seen goes out. It opens itself again
// whenever it is lost, also when it only fell silent.

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 15000;
const SILENCE_MS = 6000;

export class Connection {
  #listeners = new Map();
  #socket = null;
  #pauseMs = FIRST_PAUSE_MS;
  #watched = [];
  #silence = 0;
  #retry = 0;

  // Events: "status" (object), "history" (points), "picture" ({camera, jpeg, ...}), "open", "lost" (ms until the next try).
  on(event, listener) {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
  }

  open() {
    clearTimeout(this.#retry);
    this.#close();
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws`);
    socket.binaryType = "arraybuffer";
    socket.onmessage = (message) => this.#receive(message.data);
    socket.onclose = () => this.#lose();
    this.#socket = socket;
    this.#expectMore();
  }

  watch(cameras) {
    if (cameras.join("\n") === this.#watched.join("\n")) return;
    this.#watched = cameras;
    this.#send({ watch: cameras });
  }

  seen(camera) {
    this.#send({ seen: camera });
  }

  #receive(data) {
    this.#expectMore();
    if (typeof data !== "string") {
      this.#emit("picture", unpack(data));
      return;
    }
    const message = JSON.parse(data);
    if (message.type === "history") {
      this.#pauseMs = FIRST_PAUSE_MS;
      this.#emit("open");
      this.#emit("history", message.points);
      this.#send({ watch: this.#watched });
    } else if (message.type === "status") {
      this.#emit("status", message.status);
    }
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #expectMore() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#lose(), SILENCE_MS);
  }

  #lose() {
    this.#close();
    const pauseMs = this.#pauseMs * (0.75 + Math.random() / 2);
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
    this.#retry = setTimeout(() => this.open(), pauseMs);
    this.#emit("lost", pauseMs);
  }

  #close() {
    clearTimeout(this.#silence);
    if (this.#socket === null) return;
    this.#socket.onclose = this.#socket.onmessage = null;
    this.#socket.close();
    this.#socket = null;
  }

  #emit(event, value) {
    for (const listener of this.#listeners.get(event) ?? []) listener(value);
  }
}

// A picture: length of the header (uint32, big endian), the header in JSON, the JPEG.
function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  return { ...header, jpeg: new Blob([new Uint8Array(buffer, 4 + length)], { type: "image/jpeg" }) };
}
