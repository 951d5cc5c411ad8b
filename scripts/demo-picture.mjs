/**
 * A picture of our own for thumbnails and docs: a lake between mountains at sunset, a house, a boat, a tree, flowers.
 * Drawn from formulas alone (value noise, signed distances, polygons), so it is free of anyone's rights, the same in
 * every run, and comes in any size. Points are measured in heights of the picture: y from 0 (top) to 1, x from 0 to
 * width / height. Colours are [red, green, blue] from 0 to 1.
 */

const clamp = (v, low = 0, high = 1) => Math.min(high, Math.max(low, v));
const mix = (a, b, t) => [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];
const smooth = (from, to, v) => {
  const t = clamp((v - from) / (to - from));
  return t * t * (3 - 2 * t);
};

/** A number in [0, 1) for a point of the integer grid. */
function hash(x, y, seed = 0) {
  let h =
    (Math.imul(x | 0, 0x27d4eb2d) ^ Math.imul(y | 0, 0x165667b1) ^ Math.imul(seed | 0, 0x9e3779b1)) >>> 0;
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
}

/** Value noise in [0, 1): random at grid points, smooth between. */
function noise(x, y, seed = 0) {
  const [i, j] = [Math.floor(x), Math.floor(y)];
  const [u, v] = [smooth(0, 1, x - i), smooth(0, 1, y - j)];
  const top = hash(i, j, seed) * (1 - u) + hash(i + 1, j, seed) * u;
  const bottom = hash(i, j + 1, seed) * (1 - u) + hash(i + 1, j + 1, seed) * u;
  return top * (1 - v) + bottom * v;
}

/** Noise over several octaves, about 0.5 in the mean. */
function clouds(x, y, octaves, seed = 0) {
  let [sum, share, total] = [0, 1, 0];
  for (let i = 0; i < octaves; i++) {
    sum += share * noise(x * 2 ** i, y * 2 ** i, seed + i);
    total += share;
    share /= 2;
  }
  return sum / total;
}

/** Whether a point lies inside a polygon of [x, y] corners. */
function inside(x, y, corners) {
  let within = false;
  for (let i = 0, j = corners.length - 1; i < corners.length; j = i++) {
    const [[xi, yi], [xj, yj]] = [corners[i], corners[j]];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) within = !within;
  }
  return within;
}

/** Distance from a point to the line between two others, and how far along it is (0 to 1). */
function toLine(x, y, [ax, ay], [bx, by]) {
  const along = clamp(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2));
  return { away: Math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay)), along };
}

const SHORE = 0.6;

/** The scene for pictures of one shape: `colour(x, y)`. */
function scene(aspect) {
  const sun = [0.36 * aspect, 0.41];

  function sky(x, y) {
    const stops = [
      [0, [0.13, 0.22, 0.5]],
      [0.2, [0.3, 0.38, 0.68]],
      [0.36, [0.72, 0.52, 0.66]],
      [0.48, [0.98, 0.66, 0.45]],
      [0.62, [1, 0.82, 0.5]],
    ];
    let colour = stops[0][1];
    for (let i = 1; i < stops.length; i++)
      colour = mix(colour, stops[i][1], smooth(stops[i - 1][0], stops[i][0], y));
    const away = Math.hypot(x - sun[0], y - sun[1]);
    colour = mix(colour, [1, 0.86, 0.55], 0.75 * Math.exp(-((away / 0.17) ** 2)));
    const bend = clouds(x * 1.7, y * 3, 3, 40) - 0.5;
    const cover = clouds(x * 2.1 + bend, y * 8 + bend * 2 + 3, 5, 7);
    const thick = smooth(0.5, 0.72, cover) * smooth(0.56, 0.1, Math.abs(y - 0.2));
    if (thick > 0) {
      const light = smooth(-0.1, 0.14, cover - clouds(x * 2.1 + bend + 0.03, y * 8 + bend * 2 + 3.35, 5, 7));
      colour = mix(colour, mix([0.5, 0.36, 0.55], [1, 0.72, 0.56], light), 0.85 * thick);
    }
    return away < 0.05 ? mix([1, 0.97, 0.82], [1, 0.9, 0.62], smooth(0.02, 0.05, away)) : colour;
  }

  /** Ridge lines from far to near: height of the land at x, and its colour at a point. */
  function mountains(at, y) {
    // The valley between two peaks lies under the sun, whatever the picture's shape.
    if (y < 0.32) return undefined;
    const x = at - sun[0] + 0.66;
    const near = 0.5 - 0.17 * (clouds(x * 2.1 + 1.7, 2.5, 5, 23) - 0.25);
    if (y > near) {
      const slope = clouds(x * 12 + (y - near) * 16, (y - near) * 12, 4, 25);
      const rock = mix([0.2, 0.25, 0.46], [0.5, 0.42, 0.56], smooth(0.38, 0.62, slope));
      return mix(rock, [0.72, 0.56, 0.6], 0.55 * smooth(near + 0.03, SHORE, y));
    }
    const far = 0.44 - 0.2 * (1 - Math.abs(2 * clouds(x * 1.5 + 5.3, 0.5, 5, 11) - 1)) ** 2 + 0.08;
    if (y <= far) return undefined;
    const slope = clouds(x * 9 + (y - far) * 14, (y - far) * 10, 4, 13);
    const rock = mix([0.42, 0.4, 0.63], [0.68, 0.52, 0.62], smooth(0.35, 0.65, slope));
    const snow = smooth(0.1, 0.0, y - far + 0.12 * (slope - 0.42));
    return mix(rock, slope > 0.5 ? [1, 0.9, 0.86] : [0.72, 0.7, 0.86], snow * 0.95);
  }

  /** Wooded hills on the far shore, higher at the sides. */
  function hills(x, y) {
    if (y < 0.42) return undefined;
    const side = Math.abs(x / aspect - 0.52);
    const crowns = 0.02 * noise(x * 60, 0, 31) + 0.012 * noise(x * 130, 1, 32);
    const line = SHORE - 0.018 - 0.3 * side ** 1.6 * (0.7 + 0.5 * noise(x * 4, 7, 33)) - crowns;
    if (y < line) return undefined;
    const leaf = clouds(x * 46, y * 46, 3, 35);
    const kind = noise(x * 9, y * 12, 36);
    const dark = mix([0.1, 0.24, 0.2], [0.3, 0.26, 0.13], smooth(0.5, 0.7, kind));
    const light = mix([0.36, 0.5, 0.22], [0.85, 0.5, 0.17], smooth(0.5, 0.7, kind));
    const meadow = smooth(0.022, 0.012, SHORE - y);
    return mix(
      mix(dark, light, smooth(0.34, 0.68, leaf)),
      mix([0.5, 0.58, 0.24], [0.66, 0.7, 0.3], leaf),
      meadow,
    );
  }

  /** A house with a red roof on the left shore. */
  function house(x, y) {
    const [u, v] = [(x - 0.17 * aspect) / 0.1, (SHORE - 0.004 - y) / 0.1];
    if (v < 0) return undefined;
    if (Math.abs(u + 0.3) < 0.07 && v > 1 && v < 1.5) return [0.5, 0.26, 0.22];
    if (
      inside(u, v, [
        [-0.78, 0.72],
        [0.78, 0.72],
        [0.56, 1.3],
        [-0.56, 1.3],
      ])
    ) {
      const tile = Math.floor(v * 18) % 2 ? 0.5 : 0;
      return mix(
        [0.62, 0.17, 0.13],
        [0.84, 0.32, 0.2],
        0.55 * hash(Math.floor(u * 14 + tile), Math.floor(v * 18), 51) + 0.3,
      );
    }
    if (Math.abs(u) > 0.66 || v > 0.72) return undefined;
    for (const [left, right] of [
      [-0.5, -0.3],
      [-0.18, 0.02],
      [0.36, 0.56],
    ])
      if (u > left && u < right && v > 0.28 && v < 0.55)
        return Math.abs(u - (left + right) / 2) < 0.018 || Math.abs(v - 0.42) < 0.018
          ? [0.35, 0.28, 0.26]
          : [1, 0.86, 0.45];
    if (u > 0.12 && u < 0.28 && v < 0.5) return [0.22, 0.34, 0.46];
    return mix([0.9, 0.84, 0.74], [0.98, 0.93, 0.84], smooth(-0.66, 0.66, u));
  }

  /** All above the water that the water mirrors. */
  const above = (x, y) => house(x, y) ?? hills(x, y) ?? mountains(x, y) ?? sky(x, y);

  /** A sailing boat whose hull stands on the water at BOAT. */
  const BOAT = 0.715;
  function boat(x, y) {
    const [u, v] = [(x - 0.56 * aspect) / 0.13, (BOAT - y) / 0.13];
    if (v < -0.05 || v > 2 || Math.abs(u) > 1) return undefined;
    if (
      inside(u, v, [
        [-0.72, 0.2],
        [0.8, 0.24],
        [0.52, -0.03],
        [-0.56, -0.03],
      ])
    )
      return v > 0.15 ? [0.95, 0.9, 0.8] : mix([0.16, 0.26, 0.42], [0.26, 0.4, 0.58], smooth(-0.7, 0.7, -u));
    if (Math.abs(u - 0.02) < 0.018 && v < 1.85 && v > 0.2) return [0.32, 0.2, 0.12];
    if (
      inside(u, v, [
        [0.06, 0.34],
        [0.72, 0.34],
        [0.34, 1],
        [0.06, 1.75],
      ])
    )
      return mix(
        [0.86, 0.28, 0.16],
        [0.98, 0.52, 0.28],
        smooth(0.7, 0, u) * (Math.floor(v * 7) % 2 ? 1 : 0.75),
      );
    if (
      inside(u, v, [
        [-0.03, 0.34],
        [-0.62, 0.34],
        [-0.24, 0.9],
        [-0.03, 1.6],
      ])
    )
      return mix([0.98, 0.95, 0.86], [0.86, 0.78, 0.78], smooth(-0.05, -0.6, u));
    return undefined;
  }

  function water(x, y) {
    const depth = (y - SHORE) / (1 - SHORE);
    const fine = 70 / (0.25 + depth);
    const wave =
      noise(x * fine * 0.22, y * fine, 61) - 0.5 + 0.6 * (noise(x * fine * 0.5, y * fine * 2, 62) - 0.5);
    const ripple = wave * (0.008 + 0.05 * depth);
    const mirrored = above(x + ripple * 0.7, Math.max(0, 2 * SHORE - y - 0.012 + ripple * 1.4));
    let colour = mix(mirrored, [0.1, 0.26, 0.4], 0.24 + 0.3 * depth);
    colour = mix(colour, [0.66, 0.74, 0.82], 0.3 * smooth(0.24, 0.5, wave));
    const path = Math.exp(-(((x - sun[0]) / (0.03 + 0.1 * depth)) ** 2));
    colour = mix(colour, [1, 0.87, 0.58], 0.9 * path * smooth(0.02, 0.26, wave));
    const sail = y > BOAT ? boat(x + ripple * 1.2, 2 * BOAT - y + ripple) : undefined;
    if (sail) colour = mix(colour, sail, 0.55);
    return colour;
  }

  /** The near bank: grass with its blades against the water, and flowers. */
  function bank(x, y) {
    if (y < 0.7) return undefined;
    const rise = 0.9 - 0.07 * smooth(0.45 * aspect, aspect, x) - 0.04 * smooth(0.4 * aspect, 0, x);
    const blades = 0.035 * noise(x * 95, 3, 71) ** 2 + 0.02 * noise(x * 210, 5, 72) ** 2;
    const line = rise - blades - 0.012 * noise(x * 7, 1, 73);
    if (y < line) return undefined;
    for (let layer = 0; layer < 3; layer++) {
      const cell = 0.032 + 0.01 * layer;
      const [i, j] = [Math.floor(x / cell), Math.floor(y / cell)];
      if (hash(i, j, 80 + layer) > 0.36 || y < line + 0.02) continue;
      const [cx, cy] = [(i + 0.3 + 0.4 * hash(i, j, 90)) * cell, (j + 0.3 + 0.4 * hash(i, j, 91)) * cell];
      const angle = Math.atan2(y - cy, x - cx);
      const size =
        cell * (0.19 + 0.1 * hash(i, j, 92)) * (1 + 0.22 * Math.cos(5 * angle + 6 * hash(i, j, 93)));
      const away = Math.hypot(x - cx, (y - cy) * 1.2);
      if (away > size) continue;
      const petals = [
        [0.86, 0.16, 0.14],
        [0.97, 0.95, 0.9],
        [0.98, 0.78, 0.2],
        [0.55, 0.35, 0.72],
      ];
      const petal = petals[Math.floor(hash(i, j, 94) * petals.length)];
      return away < size * 0.3 ? [0.36, 0.2, 0.1] : mix(petal, [1, 1, 0.9], 0.25 * hash(i, j, 95));
    }
    const lean = x + 0.05 * (noise(x * 12, y * 6, 74) - 0.5);
    const blade = 0.6 * noise(lean * 150, y * 16, 75) + 0.4 * noise(lean * 60, y * 9, 76);
    const grass = mix([0.09, 0.24, 0.12], [0.52, 0.62, 0.2], smooth(0.25, 0.8, blade));
    return mix(grass, [0.05, 0.12, 0.12], 0.5 * smooth(line + 0.02, 1.05, y));
  }

  const root = 0.88 * aspect;
  const limbs = [
    [[root + 0.01, 1.02], [root - 0.02, 0.66], 0.042, 0.027],
    [[root - 0.02, 0.67], [root - 0.15, 0.4], 0.023, 0.009],
    [[root - 0.02, 0.67], [root + 0.05, 0.3], 0.025, 0.009],
    [[root - 0.07, 0.56], [root - 0.2, 0.5], 0.012, 0.006],
    [[root + 0.02, 0.45], [root + 0.16, 0.36], 0.013, 0.006],
  ];
  const tufts = [
    [-0.17, 0.36, 0.1],
    [-0.05, 0.24, 0.13],
    [0.1, 0.2, 0.13],
    [0.2, 0.34, 0.12],
    [0.03, 0.36, 0.12],
    [-0.22, 0.48, 0.065],
    [-0.1, 0.14, 0.08],
    [0.06, 0.08, 0.09],
    [0.2, 0.17, 0.1],
  ];

  /** The random number of the leaf that covers a point: leaves lie around random points, one in each cell. */
  function leafAt(x, y) {
    const [i, j] = [Math.floor(x), Math.floor(y)];
    let [nearest, leaf] = [9, 0];
    for (let di = -1; di <= 1; di++)
      for (let dj = -1; dj <= 1; dj++) {
        const [a, b] = [i + di, j + dj];
        const away = Math.hypot(x - a - hash(a, b, 105), y - b - hash(a, b, 106));
        if (away < nearest) [nearest, leaf] = [away, hash(a, b, 107)];
      }
    return leaf;
  }

  /** A tree in autumn on the near bank, lit from the sun's side. */
  function tree(x, y) {
    if (x < root - 0.4) return undefined;
    let best;
    const ragged = 0.75 * (clouds(x * 24, y * 24, 3, 101) - 0.5) + 0.5 * (noise(x * 90, y * 90, 104) - 0.5);
    for (const [dx, cy, radius] of tufts) {
      const cx = root + dx;
      const reach = Math.hypot(x - cx, y - cy) / radius;
      if (reach > 1.5) continue;
      const edge = reach + ragged;
      if (edge < 1 && (!best || edge < best.edge))
        best = { edge, lit: ((cx - x) * 0.8 + (cy - y) * 0.6) / radius };
    }
    if (best) {
      const leaf = leafAt(x * 95, y * 115);
      const light = clamp(0.5 + 0.42 * best.lit + 0.6 * (leaf - 0.5));
      const shade = mix([0.3, 0.12, 0.08], [0.78, 0.36, 0.1], smooth(0, 0.55, light));
      return mix(shade, leaf > 0.75 ? [1, 0.84, 0.32] : [0.96, 0.58, 0.16], smooth(0.5, 1, light));
    }
    for (const [from, to, thick, thin] of limbs) {
      const { away, along } = toLine(x, y, from, to);
      const width = thick + (thin - thick) * along;
      if (away > width * (1 + 0.25 * (noise(x * 60, y * 30, 110) - 0.5))) continue;
      const bark = clouds(x * 120, y * 22, 3, 111);
      const lit = smooth(0.6, -0.9, (x - (from[0] + (to[0] - from[0]) * along)) / width);
      return mix([0.13, 0.08, 0.08], [0.58, 0.38, 0.26], clamp(0.65 * lit + 0.6 * (bark - 0.35)));
    }
    return undefined;
  }

  /** A few birds: two bent strokes each. */
  function birds(x, y) {
    for (const [cx, cy, size] of [
      [0.58, 0.16, 0.022],
      [0.64, 0.2, 0.017],
      [0.53, 0.22, 0.015],
      [0.6, 0.25, 0.012],
    ]) {
      const [u, v] = [Math.abs(x - cx * aspect) / size, (y - cy) / size];
      if (u < 1 && Math.abs(v + 0.9 * u * (1.15 - u) - 0.1) < 0.11 * (1.2 - u)) return [0.16, 0.14, 0.24];
    }
    return undefined;
  }

  return (x, y) =>
    tree(x, y) ?? bank(x, y) ?? birds(x, y) ?? boat(x, y) ?? (y > SHORE ? water(x, y) : above(x, y));
}

/** The demo picture as planar 8-bit RGB, each pixel the mean of `samples` x `samples` points. */
export function demoPicture({ width, height }, samples = 2) {
  const colour = scene(width / height);
  const plane = width * height;
  const data = new Uint8Array(3 * plane);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const sum = [0, 0, 0];
      for (let k = 0; k < samples ** 2; k++) {
        const point = colour(
          (x + ((k % samples) + 0.5) / samples) / height,
          (y + (Math.floor(k / samples) + 0.5) / samples) / height,
        );
        for (let channel = 0; channel < 3; channel++) sum[channel] += clamp(point[channel]);
      }
      for (let channel = 0; channel < 3; channel++)
        data[channel * plane + y * width + x] = Math.round((255 * sum[channel]) / samples ** 2);
    }
  return { data, width, height };
}
