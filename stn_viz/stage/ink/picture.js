/** Float images onto small canvases: U, the padding around it, V. */

import { sampleInto } from "../numbers/sampler.js";

/** A canvas of its own with the pixel buffer that is written into it. */
export function createPicture() {
  const canvas = document.createElement("canvas");
  let pixels = null;
  return {
    canvas,
    /** @param {{data: Float32Array, channels: number, height: number, width: number}} image  values 0..1, grey or RGB */
    paint: ({ data, channels, height, width }) => {
      if (canvas.width !== width || canvas.height !== height || !pixels) {
        canvas.width = width;
        canvas.height = height;
        pixels = new ImageData(width, height);
      }
      toBytes(data, channels, height * width, pixels.data);
      canvas.getContext("2d").putImageData(pixels, 0, 0);
    },
  };
}

/** Channels-first floats to RGBA bytes; the first channel is shown grey unless there are three. */
function toBytes(data, channels, count, bytes) {
  const green = channels >= 3 ? count : 0;
  const blue = channels >= 3 ? 2 * count : 0;
  for (let i = 0; i < count; i++) {
    bytes[4 * i] = 255 * data[i]; // a clamped array: it rounds, and values outside 0..1 stop at black and white
    bytes[4 * i + 1] = 255 * data[green + i];
    bytes[4 * i + 2] = 255 * data[blue + i];
    bytes[4 * i + 3] = 255;
  }
}

/**
 * What the padding rule gives around the image, pixel by pixel: asked of the sampler itself, at pixel centres.
 * @param {{data: Float32Array, channels: number, height: number, width: number}} image
 * @param {{padding: string, align_corners: boolean}} rule
 * @param {[number, number]} margin  pixels to add left and right, and above and below
 */
export function padded(image, rule, [marginX, marginY]) {
  const width = image.width + 2 * marginX;
  const height = image.height + 2 * marginY;
  const grid = new Float32Array(2 * width * height);
  const centre = (pixel, size) => (rule.align_corners ? (2 * pixel) / Math.max(1, size - 1) - 1 : (2 * pixel + 1) / size - 1);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const i = 2 * (row * width + column);
      grid[i] = centre(column - marginX, image.width);
      grid[i + 1] = centre(row - marginY, image.height);
    }
  }
  const data = new Float32Array(image.channels * width * height);
  sampleInto(data, image, grid, width * height, { ...rule, kernel: "nearest" });
  return { data, channels: image.channels, height, width };
}
