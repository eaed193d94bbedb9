/**
 * What a person types as a number: 0.5, 0,5, −1.2, 2/3, pi/6, 30deg, sqrt(2)/2, 2·sin(30°).
 *
 *     sum = product (("+" | "-") product)*      product = signed (("*" | "/") signed | power)*
 *     signed = ("+" | "-")* power               power = angle (("^" | "**") signed)?
 *     angle = atom ("deg" | "°" | "rad")*       atom = number | pi | name atom | "(" sum ")"
 *
 * An angle is its radians, except where degrees are asked for: there 30 and 30deg are 30, and what holds pi or rad is radians.
 */

const DEGREES = 180 / Math.PI;
const LONGEST = 200; // characters: nobody types more, and the parser calls itself once a bracket
const FUNCTIONS = { sqrt: Math.sqrt, sin: Math.sin, cos: Math.cos, tan: Math.tan };
const SIGNS = { "−": "-", "–": "-", "×": "*", "·": "*", "⋅": "*", "∗": "*", "÷": "/", "∕": "/", "π": " pi ", "√": " sqrt ", "°": " deg ", "²": "^2", "³": "^3" };
const TOKEN = /\s*(?:(\d+(?:[.,]\d*)?(?:e[+-]?\d+)?|[.,]\d+(?:e[+-]?\d+)?)|([a-z]+)|(\*\*|[-+*/^()]))/iy;
const UNITS = { deg: "deg", degree: "deg", degrees: "deg", rad: "rad", radian: "rad", radians: "rad" };

/**
 * @param {string} text
 * @param {"deg" | null} [unit]  "deg": the answer is in degrees
 * @returns {{value: number, problem: null} | {value: null, problem: string}} problem: what is wrong, without a full stop
 */
export function evaluate(text, unit = null) {
  const wrong = (problem) => ({ value: null, problem });
  if (text.length > LONGEST) return wrong(`it has ${text.length} characters, and ${LONGEST} is the most`);
  const plain = text.trim().replace(/[×x%]$/, "").replace(/[−–×·⋅∗÷∕π√°²³]/g, (sign) => SIGNS[sign]).trim();
  if (!plain) return wrong("it is empty");
  try {
    const tokens = tokensOf(plain);
    const radians = unit === "deg" && holdsRadians(tokens);
    const value = parse(tokens, unit === "deg" && !radians ? 1 : 1 / DEGREES);
    if (!Number.isFinite(value)) return wrong("it has no finite value");
    return { value: radians ? value * DEGREES : value, problem: null };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return wrong(error.message);
  }
}

/** @returns {{kind: "number" | "name" | "unit" | "sign", is: any}[]} */
function tokensOf(text) {
  const tokens = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const from = TOKEN.lastIndex;
    const found = TOKEN.exec(text);
    if (!found) throw new SyntaxError(`“${text.slice(from).trim()}” means nothing here`);
    const [, number, name, sign] = found;
    const word = name?.toLowerCase();
    if (number) tokens.push({ kind: "number", is: Number(number.replace(",", ".")) });
    else if (word && Object.hasOwn(UNITS, word)) tokens.push({ kind: "unit", is: UNITS[word] });
    else if (word && (word === "pi" || Object.hasOwn(FUNCTIONS, word))) tokens.push({ kind: "name", is: word });
    else if (word === "x" && tokens.length) tokens.push({ kind: "sign", is: "*" }); // 2 x 3
    else if (word) throw new SyntaxError(`“${name}” is no name known here: there are pi, ${Object.keys(FUNCTIONS).join(", ")}, deg and rad`);
    else tokens.push({ kind: "sign", is: sign === "**" ? "^" : sign });
  }
  return tokens;
}

/** Is there a pi or a rad that says radians: what a sine takes says nothing about what it gives. */
function holdsRadians(tokens) {
  let closes = -1; // the bracket depth at which a function's argument ends
  let depth = 0;
  for (let i = 0; i < tokens.length; i++) {
    const { kind, is } = tokens[i];
    if (is === "(") {
      if (closes < 0 && tokens[i - 1]?.kind === "name" && tokens[i - 1].is !== "pi") closes = depth;
      depth++;
    } else if (is === ")") {
      depth--;
      if (depth === closes) closes = -1;
    } else if (closes < 0 && ((is === "pi" && !Object.hasOwn(FUNCTIONS, tokens[i - 1]?.is)) || (kind === "unit" && is === "rad"))) return true;
  }
  return false;
}

/** @param {number} degree  what one degree counts; inside a function's brackets always its radians */
function parse(tokens, degree) {
  let at = 0;
  const next = (is) => tokens[at]?.kind === "sign" && tokens[at].is === is;
  const take = (...signs) => (signs.some(next) ? tokens[at++].is : null);

  const sum = () => {
    let value = product();
    for (let sign = take("+", "-"); sign; sign = take("+", "-")) value += (sign === "+" ? 1 : -1) * product();
    return value;
  };
  const product = () => {
    let value = signed();
    for (;;) {
      const sign = take("*", "/");
      if (sign === "*") value *= signed();
      else if (sign === "/") {
        const by = signed();
        if (by === 0) throw new SyntaxError("it divides by 0");
        value /= by;
      } else if (tokens[at]?.kind === "name" || next("(")) value *= power(); // 2pi, 2(1 + 3)
      else return value;
    }
  };
  const signed = () => {
    let sign = 1;
    for (let read = take("+", "-"); read; read = take("+", "-")) if (read === "-") sign = -sign;
    return sign * power();
  };
  const power = () => {
    const base = angle();
    return take("^") ? base ** signed() : base;
  };
  const angle = () => {
    let value = atom();
    for (; tokens[at]?.kind === "unit"; at++) if (tokens[at].is === "deg") value *= degree;
    return value;
  };
  const atom = () => {
    const token = tokens[at++];
    if (!token) throw new SyntaxError("it ends too early");
    if (token.kind === "number") return token.is;
    if (token.is === "pi") return Math.PI;
    if (token.kind === "name") {
      const outside = degree;
      degree = 1 / DEGREES;
      const value = next("(") ? atom() : angle();
      degree = outside;
      return FUNCTIONS[token.is](value);
    }
    if (token.is === "(") {
      const value = sum();
      if (!take(")")) throw new SyntaxError("a bracket is not closed");
      return value;
    }
    throw new SyntaxError(`“${token.is}” stands where a number should`);
  };

  const value = sum();
  if (at < tokens.length) throw new SyntaxError(`“${tokens[at].is}” is left over`);
  return value;
}
