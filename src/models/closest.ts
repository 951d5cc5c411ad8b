/** Edits (insert, drop, replace one letter, swap two neighbours) between two words: Damerau 1964, by rows. */
function edits(a: string, b: string): number {
  let twoAbove: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const best = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + same);
      row.push(swapped ? Math.min(best, twoAbove[j - 2]! + 1) : best);
    }
    [twoAbove, above] = [above, row];
  }
  return above[b.length]!;
}

/** The known name that was most likely meant, for a hint; undefined when none is near. */
export function closest(typed: string, known: readonly string[]): string | undefined {
  const word = typed.slice(0, 100).toLowerCase();
  const ranked = known
    .map((name) => ({ name, far: name.startsWith(word) && word.length > 2 ? 0 : edits(word, name) }))
    .sort((a, b) => a.far - b.far);
  const [best] = ranked;
  return best && best.far <= Math.max(1, Math.floor(word.length / 3)) ? best.name : undefined;
}

/** `Did you mean wave?` where one is near, then every name there is. */
export function suggest(typed: string, known: readonly string[], what: string): string {
  if (known.length === 0) return `There are no ${what} yet.`;
  const near = closest(typed, known);
  return `${near ? `Did you mean ${near}? ` : ''}The ${what} are ${[...known].sort().join(', ')}.`;
}
