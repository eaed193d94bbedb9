/** Float images onto small canvases: U and V. */

import { bytesInto } from "../numbers/screen.js";

/** A canvas of its own with the pixel buffer that is written into it. */
export function createPicture() {
  const canvas = document.createElement("canvas");
  let pixels = null;
  return {
    canvas,
    /** @param {{data: Float32Array, channels: number, height: number, width: number, screen?: object}} image  grey or RGB, 0..1 or as its screen says */
    paint: ({ data, channels, height, width, screen }) => {
      if (canvas.width !== width || canvas.height !== height || !pixels) {
        canvas.width = width;
        canvas.height = height;
        pixels = new ImageData(width, height);
      }
      bytesInto({ data, channels, height, width, screen }, pixels.data);
      canvas.getContext("2d").putImageData(pixels, 0, 0);
    },
  };
}
