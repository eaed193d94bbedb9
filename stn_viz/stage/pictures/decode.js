/** A file to an image of floats, all of it in the browser: what cannot be read is one sentence, and nothing freezes meanwhile. */

import { axis, capped, createReduction } from "../numbers/areas.js";
import { readHeader } from "../numbers/headers.js";

const LONGEST = 2000; // pixels of the longer side: what the stage holds
const MOST_PIXELS = 64e6; // decoded they take 256 MB
const MOST_BYTES = 128 * 2 ** 20;
const HEAD = 2 * 2 ** 20; // bytes, more than the metadata of any camera
const STRIP = 5e5; // pixels read at once, a few milliseconds
const BREATH_MS = 12; // of work between two breaths of the page
const KNOWN = "PNG, JPEG, WebP, GIF, BMP or AVIF";

const breath = () => new Promise((done) => setTimeout(done));
const megapixels = (pixels) => `${(pixels / 1e6).toFixed(pixels < 1e7 ? 1 : 0)} megapixels`;

/**
 * @param {Blob} file
 * @param {string} name  as the sentences call it
 * @param {(sentence: string) => void} [wait]  told before what takes seconds
 * @returns {Promise<{image: object, remarks: string[]}>} image {data, channels, height, width}, values 0..1, one channel where all
 *   pixels are grey; remarks: what was done to it on the way, in words
 * @throws {Error} a sentence: what was found, what to do
 */
export async function decodeFile(file, name, wait = () => {}) {
  if (file.size === 0) throw new Error(`${name} is empty (0 bytes). Save or download it again.`);
  if (file.size > MOST_BYTES) throw new Error(`${name} has ${Math.round(file.size / 2 ** 20)} MB; up to ${MOST_BYTES / 2 ** 20} MB are read. Save it smaller.`);
  let head;
  try {
    head = readHeader(new Uint8Array(await file.slice(0, HEAD).arrayBuffer()));
  } catch {
    throw new Error(`${name} could not be read: a folder, or a file that has moved. Choose it again.`);
  }
  if (!head.opens) {
    const what = head.kind === "no image" ? "no image that is known here" : `${head.kind}, which is not read here`;
    throw new Error(`${name} is ${what}. Save it as ${KNOWN} and bring that.`);
  }
  if (head.width === 0 || head.height === 0) throw new Error(`${name} is ${head.width} × ${head.height} pixels: there is nothing in it. Save it again.`);
  const pixels = head.width * head.height;
  if (pixels > MOST_PIXELS) {
    throw new Error(`${name} is ${head.width} × ${head.height}, ${megapixels(pixels)}; up to ${megapixels(MOST_PIXELS)} are read. Reduce it first, for instance to ${LONGEST} pixels.`);
  }
  if (pixels > MOST_PIXELS / 8) wait(`Reading ${name}, ${megapixels(pixels)} …`);
  let bitmap;
  try {
    // The file's own numbers, as PIL and torchvision read them: no colour profile is applied. EXIF's rotation is.
    bitmap = await createImageBitmap(file, { colorSpaceConversion: "none", imageOrientation: "from-image" });
  } catch {
    throw new Error(`${name} is a ${head.kind} that is broken or ends too early. Save or download it again.`);
  }
  const { width, height } = bitmap;
  const turned = width === head.height && height === head.width && width !== height;
  const { image, clear } = await readBitmap(bitmap);
  bitmap.close();
  const remarks = [...head.remarks.map((mode) => `${mode} read as colours`)];
  if (head.bits > 8) remarks.push(`${head.bits} bits read as 8`);
  if (turned) remarks.push("turned upright as its EXIF says");
  if (clear) remarks.push("transparent parts laid on white");
  if (image.width !== width || image.height !== height) remarks.push(`${width} × ${height} reduced to ${image.width} × ${image.height}, averaged`);
  return { image, remarks };
}

/** The pixels in strips, reduced by area on the way. */
async function readBitmap(bitmap) {
  const { width, height } = bitmap;
  const [to, wide] = capped(height, width, LONGEST);
  const reduction = createReduction(axis(width, wide), axis(height, to));
  const data = new Float32Array(3 * to * wide);
  const rows = Math.max(1, Math.min(height, Math.floor(STRIP / width)));
  const context = contextOf(width, rows);
  const found = { colour: false, clear: false };
  let worked = performance.now();
  for (let y = 0; y < height; y += rows) {
    const count = Math.min(rows, height - y);
    context.clearRect(0, 0, width, rows);
    context.drawImage(bitmap, 0, y, width, count, 0, 0, width, count);
    addBytes(context.getImageData(0, 0, width, count).data, reduction, data, to * wide, [y, y + count], width, found);
    if (performance.now() - worked > BREATH_MS) {
      await breath();
      worked = performance.now();
    }
  }
  const channels = found.colour ? 3 : 1;
  return { image: { data: found.colour ? data : data.slice(0, to * wide), channels, height: to, width: wide }, clear: found.clear };
}

/** A canvas whose pixels are read often: it stays in main memory. */
function contextOf(width, height) {
  return new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
}

/** Rows of RGBA bytes into three planes; transparent pixels are laid on white first. */
function addBytes(bytes, reduction, planes, n, [y0, y1], width, found) {
  let { colour, clear } = found;
  for (let i = 0; i < bytes.length; i += 4) {
    const alpha = bytes[i + 3];
    if (alpha !== 255) {
      clear = true;
      for (let c = i; c < i + 3; c++) bytes[c] = 255 + ((bytes[c] - 255) * alpha) / 255;
    }
    if (bytes[i] !== bytes[i + 1] || bytes[i] !== bytes[i + 2]) colour = true;
  }
  for (let c = 0; c < 3; c++) reduction.add(planes, c * n, bytes, { start: c, step: 4, stride: 4 * width, scale: 1 / 255 }, y0, y1);
  Object.assign(found, { colour, clear });
}

/**
 * What is drawn on a canvas, as an image of floats.
 *
 * @param {OffscreenCanvasRenderingContext2D} context  opaque
 */
export function imageOfCanvas(context) {
  const { width, height } = context.canvas;
  const data = new Float32Array(3 * height * width);
  addBytes(context.getImageData(0, 0, width, height).data, createReduction(axis(width, width), axis(height, height)), data, height * width, [0, height], width, {});
  return { data, channels: 3, height, width };
}
