// A QR code of a text, after ISO/IEC 18004: bytes alone, error correction L or M, versions 1 to 40. No DOM.
//
// qrCode(text) gives the rows of modules, true where dark. The text becomes bytes, the bytes become blocks with their
// Reed–Solomon codewords, and these fill the square in a zigzag; of eight masks the one with the least penalty is taken.

// For versions 1 to 40: how many error correction codewords each block has, and how many blocks there are.
const QR_LEVELS = {
  L: {
    bits: 1,
    codewords: [7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28,
      28, 28, 30, 30, 26, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30],
    blocks: [1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8,
      8, 9, 9, 10, 12, 12, 12, 13, 14, 15, 16, 17, 18, 19, 19, 20, 21, 22, 24, 25],
  },
  M: {
    bits: 0,
    codewords: [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26,
      26, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28],
    blocks: [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16,
      17, 17, 18, 20, 21, 23, 25, 26, 28, 29, 31, 33, 35, 37, 38, 40, 43, 45, 47, 49],
  },
};

// The QR code of `text`, or null if there is no room for it: 2,331 bytes at level M, 2,953 at L.
function qrCode(text, level = "M") {
  const bytes = new TextEncoder().encode(text);
  const { bits, codewords, blocks } = QR_LEVELS[level];
  const room = (version) => qrCodewords(version) - codewords[version - 1] * blocks[version - 1];
  const needed = (version) => 4 + (version < 10 ? 8 : 16) + 8 * bytes.length;
  const version = Array.from({ length: 40 }, (_, i) => i + 1).find((version) => needed(version) <= 8 * room(version));
  if (!version) return null;
  const data = qrData(bytes, version, room(version));
  return qrSquare(version, qrBlocks(data, blocks[version - 1], codewords[version - 1], version), bits);
}

// How many codewords a square of this version holds: all modules but those of the patterns and the two informations.
function qrCodewords(version) {
  let modules = (16 * version + 128) * version + 64;
  if (version >= 2) {
    const count = Math.floor(version / 7) + 2;
    modules -= (25 * count - 10) * count - 55;
    if (version >= 7) modules -= 36;
  }
  return modules >> 3;
}

// The bytes with what says that they are bytes, and how many, filled up to `room` codewords.
function qrData(bytes, version, room) {
  const nibbles = [4, ...(version < 10 ? [] : [bytes.length >> 12, (bytes.length >> 8) & 15]),
    (bytes.length >> 4) & 15, bytes.length & 15];
  for (const byte of bytes) nibbles.push(byte >> 4, byte & 15);
  nibbles.push(0); // the end
  const data = [];
  for (let i = 0; i + 1 < nibbles.length; i += 2) data.push((nibbles[i] << 4) | nibbles[i + 1]);
  data.length = Math.min(data.length, room);
  for (let pad = 0xec; data.length < room; pad ^= 0xec ^ 0x11) data.push(pad);
  return data;
}

// The data in blocks, each with its error correction, taken in turns: the first of each, the second of each …
function qrBlocks(data, count, eccLength, version) {
  const total = qrCodewords(version);
  const short = count - (total % count); // so many blocks have one codeword fewer
  const shortLength = Math.floor(total / count) - eccLength;
  const generator = qrGenerator(eccLength);
  const parts = [];
  for (let i = 0, start = 0; i < count; i++) {
    const end = start + shortLength + (i < short ? 0 : 1);
    parts.push(data.slice(start, end));
    start = end;
  }
  const corrections = parts.map((part) => qrRemainder(part, generator));
  const mixed = [];
  for (let i = 0; i <= shortLength; i++) for (const part of parts) if (i < part.length) mixed.push(part[i]);
  for (let i = 0; i < eccLength; i++) for (const correction of corrections) mixed.push(correction[i]);
  return mixed;
}

// A product in the field of 256 elements, with x⁸ + x⁴ + x³ + x² + 1.
function qrTimes(a, b) {
  let product = 0;
  for (let i = 7; i >= 0; i--) product = (product << 1) ^ ((product >> 7) * 0x11d) ^ (((b >> i) & 1) * a);
  return product;
}

// The coefficients of (x − 1)(x − 2)(x − 4)… without the first, which is 1.
function qrGenerator(degree) {
  const coefficients = [...new Array(degree - 1).fill(0), 1];
  for (let i = 0, root = 1; i < degree; i++, root = qrTimes(root, 2)) {
    for (let j = 0; j < degree; j++) coefficients[j] = qrTimes(coefficients[j], root) ^ (coefficients[j + 1] ?? 0);
  }
  return coefficients;
}

function qrRemainder(data, generator) {
  const rest = new Array(generator.length).fill(0);
  for (const byte of data) {
    const factor = byte ^ rest.shift();
    rest.push(0);
    generator.forEach((coefficient, i) => (rest[i] ^= qrTimes(coefficient, factor)));
  }
  return rest;
}

// The square with its patterns, the codewords, and the best of the eight masks.
function qrSquare(version, codewords, levelBits) {
  const size = 17 + 4 * version;
  const rows = Array.from({ length: size }, () => new Array(size).fill(null)); // null: free for data
  qrPatterns(rows, version);
  qrFormat(rows, 0); // takes its place
  const free = rows.map((row) => row.map((module) => module === null));
  qrZigzag(rows, codewords);
  const masked = QR_MASKS.map((mask, number) => {
    const square = rows.map((row, y) => row.map((module, x) => (free[y][x] ? module !== mask(x, y) : module)));
    qrFormat(square, (levelBits << 3) | number);
    return square;
  });
  const penalties = masked.map(qrPenalty);
  return masked[penalties.indexOf(Math.min(...penalties))];
}

const QR_MASKS = [
  (x, y) => (x + y) % 2 === 0,
  (x, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

// The three eyes with their margins, the small eyes, the dotted lines, and from version 7 on the version itself.
function qrPatterns(rows, version) {
  const size = rows.length;
  const eye = (x, y, reach) => {
    for (let dy = -reach; dy <= reach; dy++) {
      for (let dx = -reach; dx <= reach; dx++) {
        const far = Math.max(Math.abs(dx), Math.abs(dy));
        if (rows[y + dy]?.[x + dx] !== undefined) rows[y + dy][x + dx] = far !== 4 && far !== (reach === 2 ? 1 : 2);
      }
    }
  };
  for (let i = 0; i < size; i++) rows[6][i] = rows[i][6] = i % 2 === 0;
  for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]]) eye(x, y, 4);
  const places = qrPlaces(version);
  const isCorner = (x, y) => (x === 6 && (y === 6 || y === size - 7)) || (y === 6 && x === size - 7);
  for (const x of places) for (const y of places) if (!isCorner(x, y)) eye(x, y, 2);
  if (version < 7) return;
  let rest = version;
  for (let i = 0; i < 12; i++) rest = (rest << 1) ^ ((rest >> 11) * 0x1f25);
  for (let i = 0; i < 18; i++) {
    const isDark = ((((version << 12) | rest) >> i) & 1) === 1;
    const [near, far] = [Math.floor(i / 3), size - 11 + (i % 3)];
    rows[near][far] = rows[far][near] = isDark;
  }
}

// Where the middles of the small eyes are, in both directions; those that would lie on a large eye are left out.
function qrPlaces(version) {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const step = version === 32 ? 26 : Math.ceil((4 * version + 4) / (2 * count - 2)) * 2;
  return [6, ...Array.from({ length: count - 1 }, (_, i) => 10 + 4 * version - i * step).reverse()];
}

// The level of error correction and the mask, twice, and the module that is always dark.
function qrFormat(rows, data) {
  const size = rows.length;
  let rest = data;
  for (let i = 0; i < 10; i++) rest = (rest << 1) ^ ((rest >> 9) * 0x537);
  const bit = (i) => (((((data << 10) | rest) ^ 0x5412) >> i) & 1) === 1;
  const around = [0, 1, 2, 3, 4, 5, 7, 8]; // without the dotted line
  for (let i = 0; i < 8; i++) rows[around[i]][8] = rows[8][size - 1 - i] = bit(i);
  for (let i = 0; i < 7; i++) rows[8][around[6 - i]] = rows[size - 7 + i][8] = bit(i + 8);
  rows[size - 8][8] = true;
}

// The codewords in columns of two, from the lower right corner upwards, then downwards …
function qrZigzag(rows, codewords) {
  const size = rows.length;
  let i = 0;
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5; // the dotted line
    const isUp = ((right + 1) & 2) === 0;
    for (let step = 0; step < size; step++) {
      const row = rows[isUp ? size - 1 - step : step];
      for (const x of [right, right - 1]) {
        if (row[x] !== null) continue;
        row[x] = ((codewords[i >> 3] >> (7 - (i & 7))) & 1) === 1; // beyond the last codeword: light
        i++;
      }
    }
  }
}

// How hard a square is to read: long runs, blocks, what looks like an eye, and more dark than light.
function qrPenalty(rows) {
  const columns = rows.map((_, x) => rows.map((row) => row[x]));
  const lines = [...rows, ...columns].map((line) => line.map(Number).join(""));
  let penalty = 0;
  for (const line of lines) {
    for (const [run] of line.matchAll(/0{5,}|1{5,}/g)) penalty += run.length - 2;
    penalty += 40 * (line.match(/(?=10111010000|00001011101)/g)?.length ?? 0);
  }
  for (let y = 1; y < rows.length; y++) {
    for (let x = 1; x < rows.length; x++) {
      const module = rows[y][x];
      if (module === rows[y - 1][x] && module === rows[y][x - 1] && module === rows[y - 1][x - 1]) penalty += 3;
    }
  }
  const share = rows.flat().filter(Boolean).length / rows.length ** 2;
  return penalty + 10 * Math.floor(Math.abs(share * 20 - 10));
}

// The dark modules as a path of an SVG, each a unit large, behind a margin of four.
function qrPath(rows) {
  return rows.flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x + 4} ${y + 4}h1v1h-1z` : ""))).join("");
}
