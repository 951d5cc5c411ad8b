import { quantile, type Summary, summarise } from './statistics.js';

/** What is measured side by side with others. */
export interface Contender {
  readonly name: string;
  /** Pictures, or whatever it makes, in one run; 1 if left out. What is told is of one of them. */
  readonly pieces?: number;
  /** Does its work once. @returns the milliseconds it took by its own clock; without them, ours counts. */
  run(): Promise<number | undefined>;
}

/** How long to measure, and by what clock. */
export interface Course {
  /** Time for all contenders together, in milliseconds; slow ones are measured `leastRounds` times all the same. */
  readonly budgetMs: number;
  /** How long one turn of a fast contender lasts. */
  readonly turnMs?: number;
  readonly leastRounds?: number;
  readonly mostRounds?: number;
  /** Milliseconds of a clock that does not jump. */
  readonly now?: () => number;
  readonly signal?: AbortSignal;
  /** Told before each round. */
  readonly onRound?: (round: number, rounds: number) => void;
}

/** What came of a contender. */
export type Outcome =
  | { readonly kind: 'measured'; readonly rounds: ReadonlyMap<number, number>; readonly ms: Summary }
  | { readonly kind: 'skipped'; readonly estimateMs: number; readonly why: string }
  | { readonly kind: 'failed'; readonly why: string };

const defaults = { turnMs: 250, leastRounds: 3, mostRounds: 40, now: () => performance.now() };
/** Runs of one turn, and before the first one. */
const MOST_RUNS = 20;
const MOST_WARM_UPS = 10;
/** Who needs no longer than this for the least rounds takes part however small the budget is. */
const PATIENCE_MS = 5000;

type Settings = Course & typeof defaults;

/** A contender that takes part, with the milliseconds that each of its turns took. */
class Runner {
  readonly rounds = new Map<number, number>();
  estimateMs = 0;
  /** In how many rounds it takes a turn. */
  turns = 0;
  ended: Exclude<Outcome, { kind: 'measured' }> | undefined;

  constructor(
    readonly contender: Contender,
    readonly settings: Settings,
  ) {}

  /** Runs until a turn's time has gone by, once at least; the last run tells what one takes. */
  async warmUp(): Promise<void> {
    const { now, turnMs, budgetMs, leastRounds } = this.settings;
    const start = now();
    await this.#guarded(async () => {
      for (let i = 0; i < MOST_WARM_UPS && (i === 0 || now() - start < turnMs); i++)
        this.estimateMs = await this.#once();
    });
    if (this.ended || leastRounds * this.estimateMs <= Math.max(budgetMs, PATIENCE_MS)) return;
    const seconds = (this.estimateMs / 1000).toPrecision(2);
    this.ended = { kind: 'skipped', estimateMs: this.estimateMs, why: `would take ${seconds} s each time` };
  }

  /** How many of its runs make a turn, the first one, which finds the caches cold, not counted. */
  get #runs(): { readonly measured: number; readonly cold: number } {
    const measured = Math.floor(this.settings.turnMs / Math.max(this.estimateMs, 1e-3));
    return { measured: Math.min(MOST_RUNS, Math.max(1, measured)), cold: measured >= 1 ? 1 : 0 };
  }

  /** How many turns fit into its part of the budget. */
  plan(shareMs: number): void {
    const { leastRounds, mostRounds } = this.settings;
    const { measured, cold } = this.#runs;
    const fitting = Math.floor(shareMs / Math.max((measured + cold) * this.estimateMs, 1e-3));
    this.turns = Math.min(mostRounds, Math.max(leastRounds, fitting));
  }

  /** Whether it takes part in a round: its turns are spread evenly over all rounds. */
  isDue(round: number, of: number): boolean {
    return Math.floor(((round + 1) * this.turns) / of) > Math.floor((round * this.turns) / of);
  }

  /** One turn; the median of its runs is what counts. */
  async turn(round: number): Promise<void> {
    await this.#guarded(async () => {
      const { measured, cold } = this.#runs;
      for (let i = 0; i < cold; i++) await this.#once();
      const times: number[] = [];
      for (let i = 0; i < measured; i++) times.push(await this.#once());
      this.rounds.set(round, quantile(times, 0.5) / (this.contender.pieces ?? 1));
    });
  }

  get outcome(): Outcome {
    return this.ended ?? { kind: 'measured', rounds: this.rounds, ms: summarise([...this.rounds.values()]) };
  }

  async #once(): Promise<number> {
    this.settings.signal?.throwIfAborted();
    const start = this.settings.now();
    const own = await this.contender.run();
    return own ?? this.settings.now() - start;
  }

  /** What a contender throws is its own affair: the others go on. An interruption ends all. */
  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.settings.signal?.throwIfAborted();
      this.ended = { kind: 'failed', why: error instanceof Error ? error.message : String(error) };
    }
  }
}

/** Who takes a turn in a round, in order: everyone begins once, and every second round goes backwards. */
export function orderOf<T>(all: readonly T[], round: number): T[] {
  const start = all.length > 0 ? round % all.length : 0;
  const turned = [...all.slice(start), ...all.slice(0, start)];
  return round % 2 === 1 ? turned.reverse() : turned;
}

/**
 * Measures contenders side by side: round by round each takes a turn, so that whatever else the machine does hits all
 * alike. Fast ones run many times in a turn; slow ones sit out rounds, evenly spread; one that could not run
 * `leastRounds` times within the whole budget, or within five seconds, is skipped.
 * @returns what came of each, in order. @throws what `signal` aborts with.
 */
export async function interleave(contenders: readonly Contender[], course: Course): Promise<Outcome[]> {
  const settings: Settings = { ...defaults, ...course };
  const runners = contenders.map((contender) => new Runner(contender, settings));
  for (const runner of runners) await runner.warmUp();
  const fit = runners.filter(({ ended }) => !ended);
  for (const runner of fit) runner.plan(settings.budgetMs / fit.length);
  const rounds = Math.max(0, ...fit.map(({ turns }) => turns));
  for (let round = 0; round < rounds; round++) {
    settings.onRound?.(round, rounds);
    for (const runner of orderOf(fit, round))
      if (!runner.ended && runner.isDue(round, rounds)) await runner.turn(round);
  }
  return runners.map(({ outcome }) => outcome);
}

const FEWEST_PAIRS = 3;

/**
 * How many times as long as `one` `other` takes: the median of the rounds that both took part in, since what disturbs
 * a round disturbs both; of the medians where such rounds are few. Undefined where either was not measured.
 */
export function timesAsLong(one: Outcome, other: Outcome): number | undefined {
  if (one.kind !== 'measured' || other.kind !== 'measured') return undefined;
  const pairs = [...one.rounds].flatMap(([round, ms]) => {
    const against = other.rounds.get(round);
    return against === undefined ? [] : [against / ms];
  });
  return pairs.length < FEWEST_PAIRS ? other.ms.median / one.ms.median : quantile(pairs, 0.5);
}
