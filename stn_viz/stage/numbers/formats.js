/**
 * Theta as other programs write it: what to type there to get V from U. Reading it back is pasted.js.
 *
 * theta goes from V to U. Programs differ in the coordinates (normalised; pixel centres, where index 0 is the first pixel's
 * middle; pixel corners, half a pixel more), in the order (x, y or row, column) and in the direction (from V to U, or forward).
 * tests/stage/test_js_formats.py runs each program on what is written here.
 */

import { forward, toPixels } from "./pixels.js";
import { isAffine, times, unit } from "./planes.js";

/** What the user chooses from. `pixels`: "back" from V to U, "forward" from U to V, "corners", "rows": of a bare matrix that is pasted. */
export const FORMATS = [
  { name: "row", label: "numbers in a row" },
  { name: "two", label: "2 × 3" },
  { name: "three", label: "3 × 3" },
  { name: "torch", label: "torch" },
  { name: "opencv", label: "OpenCV, V → U (WARP_INVERSE_MAP)", pixels: "back" },
  { name: "opencv_forward", label: "OpenCV, M of U → V", pixels: "forward" },
  { name: "pil", label: "PIL transform", pixels: "corners" },
  { name: "skimage", label: "scikit-image", pixels: "back" },
  { name: "scipy", label: "scipy.ndimage (row, column)", pixels: "rows" },
  { name: "kornia", label: "kornia, M of U → V", pixels: "forward" },
  { name: "json", label: "JSON (control points)" },
];

const HALF = [1, 0, 0.5, 0, 1, 0.5, 0, 0, 1]; // pixel centres to pixel corners
const BACK = [1, 0, -0.5, 0, 1, -0.5, 0, 0, 1];
const FLIP = [0, 1, 0, 1, 0, 0, 0, 0, 1]; // (x, y) to (row, column)

const python = (value) => (value ? "True" : "False");
const number = (value, digits = 12) => String(Math.abs(value) < 1e-13 ? 0 : Number(value.toPrecision(digits)));
const row = (values, digits) => `[${[...values].map((value) => number(value, digits)).join(", ")}]`;
const rows = (matrix, count, digits) => `[${[0, 1, 2].slice(0, count).map((r) => row(matrix.slice(3 * r, 3 * r + 3), digits)).join(", ")}]`;

/** Over pixel corners, as PIL reckons. */
export const toCorners = (pixels) => times(times(HALF, pixels), BACK);
export const fromCorners = (corners) => times(times(BACK, corners), HALF);
/** Over (row, column), as scipy reckons; its own inverse. */
export const flipped = (pixels) => times(times(FLIP, pixels), FLIP);

/**
 * @param {string} name  one of FORMATS
 * @param {object} spec
 * @param {string} spec.family
 * @param {number | null} spec.points  control points a side
 * @param {ArrayLike<number>} spec.theta
 * @param {number[] | null} spec.matrix  normalised V to U, of a family that is a plane
 * @param {import("./pixels.js").frame} spec.frame  sides and corners
 * @param {{kernel: string, padding: string, area: number}} spec.rule
 * @returns {{text: string, problem: null} | {text: null, problem: string}}
 */
export function written(name, spec) {
  const wrong = (problem) => ({ text: null, problem });
  const { matrix } = spec;
  if (!matrix) {
    if (name === "json") return { text: points(spec), problem: null };
    if (name === "torch") return { text: bent(spec), problem: null };
    return wrong(`${spec.family} has ${spec.points} × ${spec.points} control points and no matrix: copy them as JSON or as torch code.`);
  }
  const usual = unit(matrix);
  if (!usual) return wrong("The matrix's last entry is 0: no program takes it as it stands. Turn θ a little.");
  if (name === "json") return { text: JSON.stringify({ family: spec.family, theta: [...spec.theta].map((value) => Number(number(value))) }), problem: null };
  const plane = isAffine(usual);
  if (name === "row") return { text: [...usual].slice(0, plane ? 6 : 9).map((value) => number(value)).join(", "), problem: null };
  if (name === "two") return plane ? { text: rows(usual, 2), problem: null } : wrong("2 × 3 holds no third row, and this homography's is not 0 0 1: copy it as 3 × 3.");
  if (name === "three") return { text: rows(usual, 3), problem: null };
  if (name === "torch") return { text: torch(usual, plane, spec), problem: null };

  const pixels = toPixels(usual, spec.frame);
  if (!pixels.every(Number.isFinite)) return wrong("In pixels this θ is not finite.");
  const onward = forward(pixels);
  if (!onward && (name === "opencv_forward" || name === "kornia")) return wrong("θ takes the picture to a line or a point, so there is no matrix from U to V. Copy the one from V to U.");
  const text = {
    opencv: () => opencv(pixels, plane, spec, false),
    opencv_forward: () => opencv(onward, plane, spec, true),
    pil: () => pil(unit(toCorners(pixels)), plane, spec),
    skimage: () => skimage(pixels, plane, spec),
    scipy: () => scipy(flipped(pixels), plane, spec),
    kornia: () => kornia(onward, plane, spec),
  }[name]();
  return text ? { text, problem: null } : wrong("Seen from the first pixel's corner the last entry is 0, and PIL fixes it at 1.");
}

/** Lines of code; what is null is left out. */
const code = (...lines) => lines.filter((line) => line !== null).join("\n");
const finer = ({ frame: { V }, rule }) => V.map((side) => side * (rule.area ?? 1));
const shrinks = ({ rule }) => (rule.area > 1 ? `V = F.avg_pool2d(V, ${rule.area})` : null);
const unaveraged = ({ rule }) => (rule.area > 1 ? `# without the mean of ${rule.area} × ${rule.area} samples` : null);

function sampled({ frame, rule }) {
  return `V = F.grid_sample(U, grid, mode="${rule.kernel}", padding_mode="${rule.padding}", align_corners=${python(frame.align)})`;
}

function torch(matrix, plane, spec) {
  const [H, W] = finer(spec);
  const align = `align_corners=${python(spec.frame.gridAlign)}`;
  const head = ["import torch", "import torch.nn.functional as F", "", `theta = torch.tensor(${rows(matrix, plane ? 2 : 3)})  # U is (1, C, ${spec.frame.U.join(", ")})`];
  if (plane) return code(...head, `grid = F.affine_grid(theta[None], (1, 1, ${H}, ${W}), ${align})`, sampled(spec), shrinks(spec));
  return code(
    ...head,
    `target = F.affine_grid(torch.eye(2, 3)[None], (1, 1, ${H}, ${W}), ${align})`,
    "H = torch.cat([target, torch.ones_like(target[..., :1])], -1) @ theta.T",
    "grid = H[..., :2] / H[..., 2:]",
    sampled(spec),
    shrinks(spec),
  );
}

/** Families that bend are this package's own: their control points and its basis. */
function bent(spec) {
  const { family, points: K, theta, frame } = spec;
  const [H, W] = finer(spec);
  return code(
    "import torch",
    "import torch.nn.functional as F",
    "from stn_viz.transformer import family",
    "",
    `theta = torch.tensor(${row(theta, 9)})  # x, y of each control point, row by row; U is (1, C, ${frame.U.join(", ")})`,
    `grid = family("${family}", size=(${H}, ${W}), align_corners=${python(frame.gridAlign)}, points=${K}).grid(theta[None])`,
    sampled(spec),
    shrinks(spec),
  );
}

function points({ family, points: K, theta }) {
  const control = Array.from({ length: K * K }, (_, i) => [theta[2 * i], theta[2 * i + 1]].map((value) => Number(number(value, 9))));
  return JSON.stringify({ family, points: K, control });
}

const CV_FLAGS = { nearest: "INTER_NEAREST", bilinear: "INTER_LINEAR", bicubic: "INTER_CUBIC" };
const cvBorder = ({ rule, frame }) => ({ zeros: "BORDER_CONSTANT", border: "BORDER_REPLICATE", reflection: frame.align ? "BORDER_REFLECT_101" : "BORDER_REFLECT" })[rule.padding];

function opencv(matrix, plane, spec, onward) {
  const { frame: { V: [H, W] }, rule } = spec;
  const flags = `cv2.${CV_FLAGS[rule.kernel]}${onward ? "" : " | cv2.WARP_INVERSE_MAP"}`;
  return code(
    "import cv2",
    "import numpy as np",
    "",
    `M = np.float64(${rows(matrix, plane ? 2 : 3)})  # ${onward ? "from U's pixel (column, row) to V's" : "from V's pixel (column, row) to U's"}`,
    unaveraged(spec),
    `V = cv2.${plane ? "warpAffine" : "warpPerspective"}(U, M, (${W}, ${H}), flags=${flags}, borderMode=cv2.${cvBorder(spec)})  # U is (H, W) or (H, W, C)`,
  );
}

function pil(corners, plane, spec) {
  if (!corners) return null;
  const { frame: { V: [H, W] }, rule } = spec;
  const data = `(${corners.slice(0, plane ? 6 : 8).map((value) => number(value)).join(", ")})`;
  return code(
    "from PIL import Image",
    "",
    `data = ${data}  # from V to U, from pixel corners: half a pixel more`,
    unaveraged(spec),
    rule.padding === "zeros" ? null : `# PIL has no ${rule.padding} padding: outside is black`,
    rule.kernel === "bicubic" ? "# PIL's bicubic has a = -0.5, torch's -0.75" : null,
    `V = U.transform((${W}, ${H}), Image.Transform.${plane ? "AFFINE" : "PERSPECTIVE"}, data, resample=Image.Resampling.${rule.kernel.toUpperCase()})`,
  );
}

const ORDERS = { nearest: 0, bilinear: 1, bicubic: 3 };

function skimage(pixels, plane, spec) {
  const { frame: { V: [H, W], align }, rule } = spec;
  const mode = { zeros: "constant", border: "edge", reflection: align ? "reflect" : "symmetric" }[rule.padding];
  const kind = plane ? "AffineTransform" : "ProjectiveTransform";
  return code(
    "import numpy as np",
    `from skimage.transform import ${kind}, warp`,
    "",
    `back = ${kind}(matrix=np.array(${rows(pixels, 3)}))  # from V's pixel (column, row) to U's`,
    unaveraged(spec),
    rule.kernel === "bicubic" ? "# its cubic kernel is not torch's" : null,
    `V = warp(U, back, output_shape=(${H}, ${W}), order=${ORDERS[rule.kernel]}, mode="${mode}", preserve_range=True)  # U is (H, W) or (H, W, C)`,
  );
}

function scipy(pixels, plane, spec) {
  const { frame: { V: [H, W], align }, rule } = spec;
  const mode = { zeros: "grid-constant", border: "nearest", reflection: align ? "mirror" : "reflect" }[rule.padding];
  const given = `output_shape=(${H}, ${W}), order=${ORDERS[rule.kernel]}, mode="${mode}")  # U is (H, W)`;
  const notes = [unaveraged(spec), rule.kernel === "bicubic" ? "# its cubic spline is not torch's kernel" : null];
  if (plane) {
    const linear = `[${row([pixels[0], pixels[1]])}, ${row([pixels[3], pixels[4]])}]`;
    return code(
      "from scipy import ndimage",
      "",
      `matrix = ${linear}  # from V's (row, column) to U's`,
      `offset = ${row([pixels[2], pixels[5]])}`,
      ...notes,
      `V = ndimage.affine_transform(U, matrix, offset=offset, ${given}`,
    );
  }
  return code(
    "import numpy as np",
    "from scipy import ndimage",
    "",
    `matrix = np.array(${rows(pixels, 3)})  # from V's (row, column) to U's`,
    "",
    "def source(at):",
    "    row, column, w = matrix @ (*at, 1)",
    "    return row / w, column / w",
    "",
    ...notes,
    `V = ndimage.geometric_transform(U, source, ${given}`,
  );
}

function kornia(onward, plane, spec) {
  const { frame: { V: [H, W], align }, rule } = spec;
  return code(
    "import torch",
    `from kornia.geometry.transform import ${plane ? "warp_affine" : "warp_perspective"}`,
    "",
    `M = torch.tensor([${rows(onward, plane ? 2 : 3)}])  # from U's pixel (column, row) to V's; U is (1, C, ${spec.frame.U.join(", ")})`,
    unaveraged(spec),
    align ? null : "# align_corners=True here: kornia's pixels are their centres, whatever the site has",
    align || rule.padding !== "reflection" ? null : "# so it reflects at the outer pixels' centres, not at their edges",
    `V = ${plane ? "warp_affine" : "warp_perspective"}(U, M, (${H}, ${W}), mode="${rule.kernel}", padding_mode="${rule.padding}", align_corners=True)`,
  );
}
