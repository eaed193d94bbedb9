/**
 * The live line to the network: one question in flight, the newest waits, older ones are dropped.
 *
 * Wire, written down beside live.py too:
 *   server -> {state: "loading" | "ready"} | {state: "failed", error}
 *   client -> {id, lens, view, U?}    server -> {id, answer} | {id, error} | {id, error, again: true}, too fast
 */

const BACK_OFF_MS = [250, 500, 1000, 2000, 4000];

/**
 * @param {string} url  ws: or wss: address
 * @param {{onStatus: (status: "connecting"|"loading"|"ready"|"failed"|"away") => void,
 *          onAnswer: (question: object, answer: object) => void,
 *          onError: (question: object, sentence: string) => void}} on
 */
export function createLine(url, on) {
  let socket = null;
  let ready = false;
  let closed = false;
  let tries = 0;
  let timer = 0;
  let id = 0;
  let inFlight = null;
  let waiting = null;

  const send = () => {
    if (!ready || inFlight || !waiting) return;
    inFlight = { id: ++id, question: waiting };
    waiting = null;
    socket.send(JSON.stringify({ id, ...inFlight.question }));
  };

  const receive = (message) => {
    if (message.state) {
      ready = message.state === "ready";
      on.onStatus(message.state);
    } else if (inFlight && message.id === inFlight.id) {
      const { question } = inFlight;
      inFlight = null;
      if (message.again) waiting ??= question; // refused for its haste alone: the newest is asked once more
      else if (message.answer) on.onAnswer(question, message.answer);
      else on.onError(question, message.error || "the network gave no answer");
    }
    send();
  };

  const connect = () => {
    socket = new WebSocket(url);
    socket.addEventListener("open", () => { tries = 0; });
    socket.addEventListener("message", (event) => receive(JSON.parse(event.data)));
    socket.addEventListener("close", () => {
      // What was in flight is asked again after the reconnection, unless something newer waits.
      if (inFlight && !waiting) waiting = inFlight.question;
      inFlight = null;
      ready = false;
      if (closed) return;
      on.onStatus("away");
      timer = setTimeout(connect, BACK_OFF_MS[Math.min(tries++, BACK_OFF_MS.length - 1)]);
    });
  };

  on.onStatus("connecting");
  connect();
  return {
    /** @param {{lens: string, view: object}} question */
    ask: (question) => {
      waiting = question;
      send();
    },
    /** Is nothing under way? */
    idle: () => ready && !inFlight && !waiting,
    /** Forget what still waits: its answer would be about a state that has passed. */
    drop: () => { waiting = null; },
    close: () => {
      closed = true;
      clearTimeout(timer);
      socket.close();
    },
  };
}
