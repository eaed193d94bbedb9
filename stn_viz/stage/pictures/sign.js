/** A drawn traffic sign: a speed limit of 30 with a turn under it, on a pole. No mirror and no rotation leaves it the same. */

import { imageOfCanvas } from "./decode.js";

const SIZE = [240, 300]; // width, height: not square
/* The colours of the picture itself, the same in light and dark: it is an image, not ink. */
const PAINT = { sky: ["#7fa8cf", "#dfe9f1"], ground: "#5c6f4a", pole: "#8a8f95", rim: "#c1121f", face: "#ffffff", black: "#14161a", plate: "#1456a0" };

/** @returns {{data: Float32Array, channels: number, height: number, width: number}} values 0..1, RGB */
export function drawSign() {
  const [width, height] = SIZE;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  backdrop(context, width, height);
  disc(context, 120, 104, 88);
  three(context, 92, 104);
  zero(context, 149, 104);
  turn(context, 120, 238);
  return imageOfCanvas(context);
}

function backdrop(context, width, height) {
  const sky = context.createLinearGradient(0, 0, 0, height);
  PAINT.sky.forEach((colour, i) => sky.addColorStop(i, colour));
  context.fillStyle = sky;
  context.fillRect(0, 0, width, height);
  context.fillStyle = PAINT.ground;
  context.beginPath();
  context.moveTo(0, 262);
  context.lineTo(width, 280); // a slope: level ground would hide a small rotation
  context.lineTo(width, height);
  context.lineTo(0, height);
  context.fill();
  context.fillStyle = PAINT.pole;
  context.fillRect(113, 150, 14, height - 150);
}

function disc(context, x, y, radius) {
  for (const [share, colour] of [[1, PAINT.rim], [0.8, PAINT.face]]) {
    context.fillStyle = colour;
    context.beginPath();
    context.arc(x, y, share * radius, 0, 2 * Math.PI);
    context.fill();
  }
}

/** Digits are paths, not letters: a font differs from machine to machine. */
function stroke(context, width) {
  context.strokeStyle = PAINT.black;
  context.lineWidth = width;
  context.lineCap = "butt";
  context.stroke();
}

function three(context, x, y) {
  context.beginPath();
  context.arc(x, y - 18, 16, -0.85 * Math.PI, 0.5 * Math.PI);
  context.arc(x, y + 19, 21, -0.5 * Math.PI, 0.85 * Math.PI);
  stroke(context, 12);
}

function zero(context, x, y) {
  context.beginPath();
  context.ellipse(x, y + 3, 19, 37, 0, 0, 2 * Math.PI);
  stroke(context, 12);
}

/** A blue plate with an arrow that turns right. */
function turn(context, x, y) {
  context.fillStyle = PAINT.plate;
  context.fillRect(x - 45, y - 32, 90, 60);
  context.strokeStyle = context.fillStyle = PAINT.face;
  context.lineWidth = 10;
  context.beginPath();
  context.moveTo(x - 24, y + 22);
  context.lineTo(x - 24, y + 6);
  context.arcTo(x - 24, y - 8, x, y - 8, 14);
  context.lineTo(x + 12, y - 8);
  context.stroke();
  context.beginPath();
  context.moveTo(x + 10, y - 24);
  context.lineTo(x + 34, y - 8);
  context.lineTo(x + 10, y + 8);
  context.fill();
}
