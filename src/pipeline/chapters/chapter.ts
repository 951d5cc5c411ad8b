/** A named stretch of a film. Times in microseconds. */
export interface Chapter {
  readonly start: number;
  readonly end: number;
  readonly title: string;
}

/**
 * The chapters of a part of a film, moved to its own clock.
 * @param origin - time that becomes 0, in microseconds
 * @param end - end of the part on the film's clock, in microseconds
 */
export function chaptersWithin(chapters: readonly Chapter[], origin: number, end: number): Chapter[] {
  return chapters
    .map((chapter) => ({
      title: chapter.title,
      start: Math.max(0, chapter.start - origin),
      end: Math.min(end, chapter.end) - origin,
    }))
    .filter(({ start, end }) => end > start);
}
