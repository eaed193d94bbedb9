/** Float images onto small canvases: U and V. */

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
