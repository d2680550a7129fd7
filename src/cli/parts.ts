/** What a person's own module says of their journal: its events, and every step to them. */
import { pathToFileURL } from 'node:url'
import { resolve } from 'node:path'
import type { Catalogue, EventDefinitions, Law, Upcaster } from '../index.js'
import { UsageError } from './command.js'

export interface OwnModule {
  events: Catalogue<EventDefinitions>
  upcasters: readonly Upcaster[]
  laws: readonly Law[]
}

/** Loads a module that exports `events` and, where there are any, `upcasters` and `laws`. @throws UsageError */
export async function loadModule(path: string): Promise<OwnModule> {
  const { events, upcasters = [], laws = [] } = (await import(pathToFileURL(resolve(path)).href)) as Partial<OwnModule>
  if (typeof events !== 'object' || typeof events.definitions !== 'object' || !Array.isArray(upcasters))
    throw new UsageError(`${path} does not export events (from defineEvents) and upcasters (a list, where there are any)`)
  return { events, upcasters: upcasters as readonly Upcaster[], laws }
}
