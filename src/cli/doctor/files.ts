/** What is to be said of a journal's files: from what a repair would do, and from what lies beside the journal. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Damage, JournalError, RepairPlan } from '../../index.js'
import { typed, type Item } from './item.js'

/** `own`: the journal has events that the command line cannot judge, so that its program has to repair it. */
export function itemsOfPlan({ directory, format, damage, chores, live }: RepairPlan, own: boolean): Item[] {
  const mended = own ? { category: 'needs-a-person' as const } : { category: 'repairable' as const, command: typed('repair', directory) }
  const first = own ? ' Repair it in the program that has its events (planRepair and repair).' : live ? ' Stop who writes to it first.' : ''
  const salvaged = own ? { ...mended, command: typed('salvage', directory, `${directory}-salvaged`) } : mended
  return [
    ...(format ? [{ kind: 'format', ...mended, what: `FORMAT does not say what this is.${first}` } as const] : []),
    ...damage
      .filter(({ segment }) => segment !== 'FORMAT')
      .map((one) => ({ kind: 'damage', ...salvaged, what: `${placeOf(one)}: ${one.reason}.${first}`, known: one }) as const),
    ...chores.map((one) => ({ kind: one.kind, ...mended, what: `${one.file}: ${one.reason}.${first}`, known: one })),
  ]
}

export function placeOf({ segment, offset, bytes, firstPosition, lastPosition, streams }: Damage): string {
  const where = segment === '' ? '' : `${segment} at ${offset}, ${bytes} bytes, `
  const last = lastPosition ?? 'unknown'
  const of =
    streams === undefined || streams.length === 0 ? '' : ` of ${streams.length > 3 ? `${streams.length} streams` : streams.join(', ')}`
  return `${where}${typeof last === 'number' && last < firstPosition ? 'no event' : `positions ${firstPosition} to ${last}${of}`}`
}

/** What an upgrade left beside the journal. */
export function itemsBeside(directory: string): Item[] {
  const place = resolve(directory)
  const there = existsSync(`${place}/FORMAT`)
  const go = { kind: 'upgrade', category: 'repairable', command: typed('upgrade', directory) } as const
  const items: Item[] = []
  const backup = `${place}.v1.bak`
  if (existsSync(`${place}.upgraded`)) {
    const swapped = !there && existsSync(backup)
    items.push(
      swapped
        ? { ...go, what: `An upgrade was cut short while it gave the new journal its name: ${place}.upgraded is whole.` }
        : there
          ? { ...go, what: `${place}.upgraded is an upgrade that was cut short before it came into use.` }
          : {
              kind: 'upgrade',
              category: 'needs-a-person',
              what: `${place}.upgraded is an upgrade of a journal that is not there. If it is the one, rename it to ${place}.`,
            },
    )
  }
  if (existsSync(`${place}.upgrading`)) items.push({ ...go, what: `An upgrade was begun, and is not finished: ${place}.upgrading.` })
  if (there && existsSync(backup))
    items.push({
      kind: 'upgrade',
      category: 'ok',
      what: `${backup} is the journal before its upgrade. Remove it when you trust the new one.`,
    })
  return items
}

/** A journal that does not open says one thing. */
export function itemOfRefusal({ code, message, details }: JournalError, directory: string): Item {
  const disk = (details as { errno?: string }).errno === 'EIO'
  const command = disk ? { command: typed('salvage', directory, `${directory}-salvaged`) } : {}
  return { kind: 'unreadable', category: 'needs-a-person', what: message, known: { code, details }, ...command }
}
