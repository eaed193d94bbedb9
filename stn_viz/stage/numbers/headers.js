/** What the first bytes of a file say: which kind of image it is and how large, before anything is decoded. */

const LATIN = (bytes, start, length) => String.fromCharCode(...bytes.subarray(start, start + length));

/**
 * @param {Uint8Array} bytes  the file's beginning; 2 MiB hold every header that cameras write
 * @returns {{kind: string, opens: boolean, width: number, height: number, bits: number, remarks: string[]}}
 *   kind: its name in words; opens: is it one of those that browsers decode; width and height in pixels as stored, before any
 *   EXIF rotation, NaN where the header does not tell; bits a channel; remarks: odd modes ("palette", "CMYK")
 */
export function readHeader(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const reader = READERS.find(({ is }) => is(bytes));
  const found = { kind: reader?.kind ?? kindOfText(bytes), opens: Boolean(reader?.read), width: NaN, height: NaN, bits: 8, remarks: [] };
  if (!reader?.read) return found;
  try {
    return { ...found, ...reader.read(view, bytes) };
  } catch (error) {
    if (error instanceof RangeError) return found; // the file ends inside its header
    throw error;
  }
}

const starts = (...codes) => (bytes) => codes.every((code, i) => bytes[i] === code);
const says = (text, at = 0) => (bytes) => LATIN(bytes, at, text.length) === text;
/** An ISO container (AVIF, HEIC) names its brand after "ftyp". */
const brand = (pattern) => (bytes) => says("ftyp", 4)(bytes) && pattern.test(LATIN(bytes, 8, 24));

const READERS = [
  { kind: "PNG", is: starts(0x89, 0x50, 0x4e, 0x47), read: png },
  { kind: "JPEG", is: starts(0xff, 0xd8, 0xff), read: jpeg },
  { kind: "GIF", is: says("GIF8"), read: (view) => ({ width: view.getUint16(6, true), height: view.getUint16(8, true) }) },
  { kind: "WebP", is: (bytes) => says("RIFF")(bytes) && says("WEBP", 8)(bytes), read: webp },
  { kind: "BMP", is: says("BM"), read: bmp },
  { kind: "AVIF", is: brand(/avif|avis/), read: avif },
  { kind: "HEIC", is: brand(/hei[cxmsf]|hev[cx]|mif1|msf1/) },
  { kind: "TIFF", is: (bytes) => starts(0x49, 0x49, 0x2a, 0)(bytes) || starts(0x4d, 0x4d, 0, 0x2a)(bytes) },
  { kind: "JPEG XL", is: (bytes) => starts(0xff, 0x0a)(bytes) || says("JXL ", 4)(bytes) },
  { kind: "JPEG 2000", is: says("jP  ", 4) },
  { kind: "PSD", is: says("8BPS") },
  { kind: "PDF", is: says("%PDF") },
  { kind: "a ZIP archive", is: says("PK") },
];

/** @returns {string} "SVG", "a web page" or "no image" */
function kindOfText(bytes) {
  const text = LATIN(bytes, 0, 4096).trimStart().toLowerCase();
  if (/<svg[\s>]/.test(text)) return "SVG";
  return text.startsWith("<!doctype html") || text.startsWith("<html") ? "a web page" : "no image";
}

function png(view) {
  const type = view.getUint8(25);
  return { width: view.getUint32(16), height: view.getUint32(20), bits: view.getUint8(24), remarks: type === 3 ? ["a palette"] : [] };
}

/** Segments up to the frame header (SOF0 to SOF15, less the three that are tables). */
function jpeg(view) {
  let at = 2;
  for (;;) {
    if (view.getUint8(at) !== 0xff) throw new RangeError("no marker");
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) at += 1; // fill bytes
    else if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) break;
    else at += 2 + view.getUint16(at + 2);
  }
  return { bits: view.getUint8(at + 4), height: view.getUint16(at + 5), width: view.getUint16(at + 7), remarks: view.getUint8(at + 9) === 4 ? ["CMYK"] : [] };
}

function webp(view, bytes) {
  const chunk = LATIN(bytes, 12, 4);
  const three = (at) => view.getUint16(at, true) + 65536 * view.getUint8(at + 2);
  if (chunk === "VP8X") return { width: 1 + three(24), height: 1 + three(27) };
  if (chunk === "VP8L") {
    const packed = view.getUint32(21, true);
    return { width: 1 + (packed & 0x3fff), height: 1 + ((packed >> 14) & 0x3fff) };
  }
  return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
}

/** Rows may stand from the top: then the height is negative. The oldest headers (12 bytes) count in 16 bits. */
function bmp(view) {
  if (view.getUint32(14, true) === 12) return { width: view.getUint16(18, true), height: view.getUint16(20, true) };
  return { width: Math.abs(view.getInt32(18, true)), height: Math.abs(view.getInt32(22, true)) };
}

/** "ispe" boxes hold the sizes of the picture and of its tiles: the largest is the picture's. */
function avif(view, bytes) {
  let largest = { width: NaN, height: NaN };
  for (let at = 4; at < bytes.length - 16; at++) {
    if (bytes[at] !== 0x69 || !says("ispe", at)(bytes)) continue;
    const size = { width: view.getUint32(at + 8), height: view.getUint32(at + 12) };
    if (!(size.width * size.height <= largest.width * largest.height)) largest = size;
  }
  return largest;
}
