/** Fetching what a run's pictures need: probe images, trace and bases, each once, by content. */

import { readTensors } from "../numbers/tensors.js";
import { makeBasis } from "../numbers/grid.js";
import { screenOf } from "../numbers/screen.js";
import { makeVolumeBasis, volumeWith } from "../numbers/volume.js";

const MOST = 48;
const fetched = new Map(); // address -> promise of tensors; content never changes behind an address. The newest: a run that is written has a trace every few seconds

/** @returns {Promise<object>} the tensors of one address; throws a sentence that ends in what to do */
export async function tensorsAt(address) {
  let response;
  try {
    response = await fetch(address);
  } catch {
    throw new Error("is the server running? Choose it again.");
  }
  const kind = response.headers.get("content-type") || "";
  if (!response.ok || kind.includes("text/html")) {
    throw new Error(response.ok ? "the server answered with a page instead. Reload this one." : await response.text());
  }
  return readTensors(await response.arrayBuffer());
}

function once(address) {
  if (!fetched.has(address)) {
    const promise = tensorsAt(address);
    promise.catch(() => fetched.delete(address)); // a failed fetch may be tried again
    fetched.set(address, promise);
    if (fetched.size > MOST) fetched.delete(fetched.keys().next().value);
  }
  return fetched.get(address);
}

/** @returns {string} the name under which a basis travels, e.g. "tps-28x28-0-4" */
export function basisName(family, size, alignCorners, points) {
  return `${family}-${size[0]}x${size[1]}-${alignCorners ? 1 : 0}${points ? `-${points}` : ""}`;
}

/** @returns {Promise<object>} a basis of any family, made by the server on demand */
export async function loadBasis(routes, name) {
  return makeBasis(await once(`${routes.basis}${name}.safetensors`));
}

/**
 * @param {object} data  what the page handed over
 * @returns {Promise<{probes: object, trace: object, bases: object[]}>}
 */
export async function loadRun(data) {
  const at = (key) => once(data.routes.asset + key);
  const [probes, trace, ...bases] = await Promise.all([
    at(data.assets.probes),
    at(data.assets.trace),
    ...data.assets.bases.map((key) => (key ? at(key).then((tensors) => (tensors.corners_b ? makeVolumeBasis(tensors) : makeBasis(tensors))) : null)),
  ]);
  return { probes: readProbes(probes, data.run?.preparation), trace: readTrace(trace, data.sites.length), bases };
}

/** Images of a run with a preparation are the network's: `screen` says how they are drawn. */
function readProbes(tensors, preparation = null) {
  const [count, channels] = tensors.U.shape;
  const [height, width] = tensors.U.shape.slice(-2);
  const depth = tensors.U.shape.length === 5 ? tensors.U.shape[2] : 0; // of volumes
  const raw = tensors.U.data;
  const data = raw instanceof Uint8Array ? Float32Array.from(raw, (byte) => byte / 255) : raw;
  const size = channels * Math.max(1, depth) * height * width;
  const screen = screenOf(preparation, channels);
  const part = (i) => ({ data: data.subarray(i * size, (i + 1) * size), channels, height, width, screen });
  const volumes = depth ? Array.from({ length: count }, (_, i) => volumeWith({ ...part(i), depth })) : null;
  const images = Array.from({ length: count }, (_, i) => (volumes ? volumes[i].flat(depth >> 1) : part(i)));
  return {
    count,
    /** of probes that are volumes: all of one; `image` is its middle slice then */
    volume: volumes && ((i) => volumes[i]),
    labels: tensors.labels.data,
    /** @returns {Float32Array | null} (P,) the pose that a perfect localiser would say, in the run's pose_family; null where unknown */
    pose: (i) => (tensors.pose ? tensors.pose.data.subarray(i * tensors.pose.shape[1], (i + 1) * tensors.pose.shape[1]) : null),
    /** the same object each time: what was painted of it need not be painted again */
    image: (i) => images[i],
  };
}

function readTrace(tensors, sites) {
  const n = tensors.probabilities.shape[1];
  const classes = tensors.probabilities.shape[2];
  const row = (tensor, index, image, length) => tensor.data.subarray((index * n + image) * length, (index * n + image + 1) * length);
  return {
    step: tensors.step.data,
    /** images seen so far; null where nobody counted them */
    images: tensors.images?.data ?? null,
    loss: tensors.loss.data,
    error: tensors.error.data,
    /** pose spread of V at each record, px; null where no true pose is known */
    spread: tensors.spread?.data ?? null,
    count: tensors.step.data.length,
    /** @returns {Float32Array | null} (P,) theta of one probe at one record; null for a site of no family */
    theta: (site, index, image) => {
      const theta = site < sites ? tensors[`theta_${site}`] : undefined;
      return theta ? row(theta, index, image, theta.shape[2]) : null;
    },
    probabilities: (index, image) => (classes ? row(tensors.probabilities, index, image, classes) : null),
    probeLoss: (index, image) => tensors.probe_loss.data[index * n + image],
  };
}
