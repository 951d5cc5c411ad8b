import type { Share } from '../../src/server/protocol.js';

/** A place on the mix pad, each side from 0 to 1. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Shares below this are left out: nobody sees them, and each costs. */
const LEAST = 0.01;

/** Where the points of so many styles lie: even around an ellipse, the first at the top left for four. */
export function places(count: number): Point[] {
  if (count === 1) return [{ x: 0.5, y: 0.5 }];
  const turn = count === 2 ? Math.PI : count === 4 ? (-3 * Math.PI) / 4 : -Math.PI / 2;
  return Array.from({ length: count }, (_, i) => {
    const angle = turn + (2 * Math.PI * i) / count;
    const reach = count === 4 ? 0.53 : 0.4;
    return { x: 0.5 + reach * Math.cos(angle), y: 0.5 + reach * Math.sin(angle) };
  });
}

/**
 * Shares by distance: those of inverse distance weighting (Shepard 1968, power 2), 1 on a point and even in the middle.
 * They add up to 1.
 */
export function weightsAt(puck: Point, points: readonly Point[]): number[] {
  const squares = points.map(({ x, y }) => (x - puck.x) ** 2 + (y - puck.y) ** 2);
  const on = squares.findIndex((square) => square < 1e-4);
  if (on >= 0) return points.map((_, i) => (i === on ? 1 : 0));
  return normal(squares.map((square) => 1 / square));
}

/** Numbers that add up to 1, in the same proportion; those too small to see are 0. */
export function normal(weights: readonly number[]): number[] {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  if (!(sum > 0)) return weights.map(() => 1 / weights.length);
  const kept = weights.map((weight) => (weight / sum < LEAST ? 0 : weight / sum));
  const left = kept.reduce((total, weight) => total + weight, 0);
  return kept.map((weight) => weight / left);
}

/** The puck's place that fits weights set in another way: their centre of gravity. */
export function puckOf(weights: readonly number[], points: readonly Point[]): Point {
  const share = normal(weights);
  return {
    x: points.reduce((sum, { x }, i) => sum + x * (share[i] ?? 0), 0),
    y: points.reduce((sum, { y }, i) => sum + y * (share[i] ?? 0), 0),
  };
}

/** Sets one weight; the others keep their proportion to each other and share what is left. */
export function withWeight(weights: readonly number[], index: number, value: number): number[] {
  const rest = weights.reduce((sum, weight, i) => (i === index ? sum : sum + weight), 0);
  const left = 1 - value;
  return weights.map((weight, i) => {
    if (i === index) return value;
    return rest > 0 ? (weight / rest) * left : left / Math.max(1, weights.length - 1);
  });
}

/** What a change names: styles with a share above nothing. */
export function sharesOf(styles: readonly string[], weights: readonly number[]): Share[] {
  return styles.flatMap((style, i) => {
    const weight = Math.round((weights[i] ?? 0) * 1e4) / 1e4;
    return weight > 0 ? [{ style, weight }] : [];
  });
}

/** Styles that a pad begins with, and holds at most. */
const BEGIN = 4;
export const MOST_ON_PAD = 8;

/** What stays on a pad. */
export function padOf(
  { styles, weights }: { readonly styles: readonly string[]; readonly weights: readonly number[] },
  stays: (style: string) => boolean,
): { styles: readonly string[]; weights: readonly number[] } {
  return { styles: styles.filter(stays), weights: weights.filter((_, i) => stays(styles[i] ?? '')) };
}

/** A pad of what is painted, filled up to four with the styles of the gallery that follow the one that weighs most. */
export function padFrom(
  mix: readonly Share[],
  gallery: readonly string[],
): { styles: readonly string[]; weights: readonly number[] } {
  const shares = [...mix].sort((a, b) => b.weight - a.weight).slice(0, MOST_ON_PAD);
  const painted = shares.map(({ style }) => style);
  const at = Math.max(0, gallery.indexOf(painted[0] ?? ''));
  const next = [...gallery.slice(at), ...gallery.slice(0, at)].filter((name) => !painted.includes(name));
  const styles = [...painted, ...next.slice(0, Math.max(0, BEGIN - painted.length))];
  return { styles, weights: normal(styles.map((_, i) => shares[i]?.weight ?? 0)) };
}
