/** How far something is that takes its time: one line on a terminal, drawn over until it is through; nothing anywhere else. */
import { bytes as size } from './terminal.js'

/** What is counted. */
export type Unit = 'bytes' | 'events' | 'steps' | 'records'

/** Where the line is drawn, and what time it is there. */
export interface Screen {
  isTerminal: boolean
  columns: () => number
  write: (text: string) => void
  now: () => number
}

const PATIENCE_MS = 1000
const REDRAW_MS = 100
/** The rate is that of so much time past. */
const WINDOW_MS = 10_000
const BAR_MAX = 30
const BAR_MIN = 8
const COLUMNS = 80
const ERASE = '\r\x1b[2K'

const stderr: Screen = {
  isTerminal: process.stderr.isTTY,
  columns: () => process.stderr.columns,
  write: (text) => void process.stderr.write(text),
  now: () => performance.now(),
}

export class Progress {
  readonly #screen: Screen
  readonly #began: number
  #says: string
  #unit: Unit
  #drawnAt = 0
  /** Times and amounts, the oldest first. */
  #seen: [at: number, done: number][] = []

  constructor(says: string, unit: Unit, screen: Screen = stderr) {
    this.#screen = screen
    this.#says = says
    this.#unit = unit
    this.#began = screen.now()
  }

  /** What follows is another part of the same work, with amounts of its own. */
  part(says: string, unit: Unit): void {
    this.#says = says
    this.#unit = unit
    this.#seen = []
  }

  /** Without a total nobody knows how much there will be. */
  show(done: number, total?: number): void {
    const { isTerminal, now, columns, write } = this.#screen
    if (!isTerminal) return
    const at = now()
    if (this.#seen.length === 0) this.#seen.push([at, done])
    if (at - this.#began < PATIENCE_MS || at - this.#drawnAt < REDRAW_MS) return
    this.#drawnAt = at
    this.#seen.push([at, done])
    while ((this.#seen[0]?.[0] ?? at) < at - WINDOW_MS) this.#seen.shift()
    const [since, before] = this.#seen[0] ?? [at, done]
    const rate = at > since ? ((done - before) / (at - since)) * 1000 : 0
    write(ERASE + progressLine({ says: this.#says, unit: this.#unit, done, total, rate }, columns()))
  }

  end(): void {
    if (this.#drawnAt > 0) this.#screen.write(ERASE)
    this.#drawnAt = 0
  }
}

/** Says that something goes on of which nobody knows how far it is. */
export async function waitedFor<T>(says: string, work: Promise<T>, screen: Screen = stderr): Promise<T> {
  if (!screen.isTerminal) return work
  const began = screen.now()
  const draw = (): void =>
    screen.write(`${ERASE}${says}  ${duration((screen.now() - began) / 1000)}`.slice(0, ERASE.length + screen.columns() - 1))
  const drawing = setInterval(draw, PATIENCE_MS)
  try {
    return await work
  } finally {
    clearInterval(drawing)
    if (screen.now() - began >= PATIENCE_MS) screen.write(ERASE)
  }
}

export interface Amounts {
  says: string
  unit: Unit
  done: number
  total: number | undefined
  /** A second. */
  rate: number
}

/** What is done, a bar, amounts, rate, time left; where there is no room, the bar goes first and then the amounts. */
export function progressLine({ says, unit, done, total, rate }: Amounts, columns = COLUMNS): string {
  const amount = total === undefined ? counted(done, unit) : `${counted(done, unit, total)} of ${counted(total, unit)}`
  const share = total === undefined ? undefined : total === 0 ? 1 : Math.min(1, done / total)
  const percent = share === undefined ? [] : [`${String(Math.floor(share * 100)).padStart(3)} %`]
  const pace = rate > 0 ? [`${counted(rate, unit)}/s`] : []
  const left = total !== undefined && rate > 0 ? [`${duration(Math.max(0, total - done) / rate)} left`] : []
  // A character in the last column would make some terminals begin a line.
  const room = columns - 1
  const whole = [says, ...percent, amount, ...pace, ...left].join('  ')
  const bar = Math.min(BAR_MAX, room - whole.length - 2)
  if (share !== undefined && bar >= BAR_MIN)
    return [says, '█'.repeat(Math.round(share * bar)).padEnd(bar, '░'), ...percent, amount, ...pace, ...left].join('  ')
  if (whole.length <= room) return whole
  return [says, ...(share === undefined ? [amount] : percent), ...left].join('  ').slice(0, Math.max(0, room))
}

/** The unit of a part of something is said with the whole. */
function counted(amount: number, unit: Unit, whole?: number): string {
  if (unit === 'bytes') return size(Math.round(amount))
  const number = Math.round(amount).toLocaleString('en-US')
  return whole === undefined ? `${number} ${unit}` : number
}

export function duration(seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}
