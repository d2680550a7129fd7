import { EXIT, type Command } from '../command.js'
import { examine } from '../doctor/examine.js'
import { worst, type Category, type Item } from '../doctor/item.js'
import { Progress } from '../progress.js'
import { bad, bold, dim, good, oneLine, print, printJson, styled, wide, wrapped } from '../terminal.js'

/** Items of one kind that are shown; of the others it is said how many there are. */
const SHOWN_MAX = 6
const MARKS: Record<Category, string> = { ok: good('good'), repairable: styled('yellow', 'odd'), 'needs-a-person': bad('look') }

/** Says what is good, what is odd, and what to do next. */
export const doctor: Command = {
  name: 'doctor',
  takes: ['<dir>'],
  says: 'Say on one page what is good about a journal, what is odd, and what to do next.\nReads all of it, changes nothing, and works beside a running writer. What is odd is mended by the command that is named, and not found again afterwards. What needs a look has no such command: a person must decide. Exits with 3 when the journal is damaged.',
  options: {},
  examples: ['doctor ./.turnlog', 'doctor ./.turnlog --json'],
  async run({ arguments: [directory = ''], json }) {
    const progress = new Progress('checking bytes', 'bytes')
    const items = await examine(directory, progress)
    progress.end()
    const count = (category: Category): number => items.filter((item) => item.category === category).length
    if (json) {
      const summary = { ok: count('ok'), repairable: count('repairable'), needsAPerson: count('needs-a-person') }
      printJson({ status: worst(items), summary, items })
    } else tell(directory, items)
    if (items.some(({ kind }) => kind === 'damage' || kind === 'format')) return EXIT.damage
    return items.some(({ kind }) => kind === 'unreadable') ? EXIT.failed : EXIT.fine
  },
}

function tell(directory: string, items: readonly Item[]): void {
  print(bold(directory))
  for (const category of ['ok', 'repairable', 'needs-a-person'] as const) {
    const shown = new Map<string, number>()
    for (const item of items.filter((one) => one.category === category)) {
      const nth = (shown.get(item.kind) ?? 0) + 1
      shown.set(item.kind, nth)
      if (nth <= SHOWN_MAX) block(MARKS[category], item.what)
    }
    for (const [kind, all] of shown) if (all > SHOWN_MAX) block('', `and ${all - SHOWN_MAX} more of kind ${kind}: see --json`)
  }
  print()
  const next = new Set(items.flatMap(({ category, command }) => (category === 'repairable' && command !== undefined ? [command] : [])))
  const looks = new Set(items.flatMap(({ category, command }) => (category === 'needs-a-person' && command !== undefined ? [command] : [])))
  if (next.size + looks.size === 0)
    print(worst(items) === 'ok' ? 'There is nothing to do.' : 'What needs a look has no command: see above.')
  for (const command of next) print(`Next: ${bold(command)}`)
  for (const command of [...looks].slice(0, SHOWN_MAX)) print(dim(`Look: ${command}`))
}

function block(mark: string, text: string): void {
  const [first = '', ...rest] = wrapped(oneLine(text), 6)
  print(`${mark}${' '.repeat(6 - wide(mark))}${first}`)
  for (const line of rest) print(`      ${line}`)
}
