/** Red, green, blue in 0 to 255. */
export type Color = readonly [number, number, number];

/** The colours of an hour of the day. */
export interface Light {
  /** The sky from its top to the horizon. */
  readonly sky: readonly [Color, Color, Color];
  /** What the sun adds around itself. */
  readonly glow: Color;
  readonly cloudLit: Color;
  readonly cloudShade: Color;
  /** Mountains, then islands. */
  readonly far: Color;
  readonly near: Color;
  readonly water: Color;
  /** How high the sun stands over the horizon, in heights of the sky. */
  readonly sun: number;
}

const hours: readonly Light[] = [
  {
    sky: [
      [58, 74, 140],
      [206, 112, 128],
      [255, 190, 120],
    ],
    glow: [255, 170, 80],
    cloudLit: [255, 206, 160],
    cloudShade: [148, 88, 128],
    far: [112, 84, 134],
    near: [44, 52, 68],
    water: [34, 52, 88],
    sun: 0.2,
  },
  {
    sky: [
      [44, 112, 190],
      [112, 176, 222],
      [214, 228, 220],
    ],
    glow: [255, 226, 160],
    cloudLit: [255, 252, 244],
    cloudShade: [150, 172, 200],
    far: [104, 136, 170],
    near: [44, 92, 72],
    water: [18, 88, 120],
    sun: 0.62,
  },
  {
    sky: [
      [66, 108, 176],
      [190, 178, 186],
      [255, 216, 150],
    ],
    glow: [255, 200, 110],
    cloudLit: [255, 232, 196],
    cloudShade: [164, 136, 160],
    far: [124, 118, 152],
    near: [62, 82, 62],
    water: [34, 84, 108],
    sun: 0.4,
  },
  {
    sky: [
      [30, 34, 92],
      [122, 64, 124],
      [250, 128, 92],
    ],
    glow: [255, 120, 60],
    cloudLit: [255, 160, 120],
    cloudShade: [84, 52, 110],
    far: [76, 58, 112],
    near: [30, 32, 54],
    water: [24, 30, 72],
    sun: 0.1,
  },
];

const mixColor = (a: Color, b: Color, t: number): Color =>
  [0, 1, 2].map((i) => a[i]! + (b[i]! - a[i]!) * t) as unknown as Color;

/** The light at a time in 0 to 1 of the day; hours pass into each other, the last into the first. */
export function lightAt(day: number): Light {
  const place = (day - Math.floor(day)) * hours.length;
  const a = hours[Math.floor(place) % hours.length]!;
  const b = hours[(Math.floor(place) + 1) % hours.length]!;
  const t = (1 - Math.cos(Math.PI * (place % 1))) / 2;
  const mix = (key: 'glow' | 'cloudLit' | 'cloudShade' | 'far' | 'near' | 'water') =>
    mixColor(a[key], b[key], t);
  return {
    sky: [0, 1, 2].map((i) => mixColor(a.sky[i]!, b.sky[i]!, t)) as unknown as Light['sky'],
    glow: mix('glow'),
    cloudLit: mix('cloudLit'),
    cloudShade: mix('cloudShade'),
    far: mix('far'),
    near: mix('near'),
    water: mix('water'),
    sun: a.sun + (b.sun - a.sun) * t,
  };
}
