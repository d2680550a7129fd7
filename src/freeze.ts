/** Freezing the shapes of a catalogue in a directory that is kept under version control, and holding the catalogue to it. */
import type { Catalogue, Complete, EventDefinitions, Upcaster } from './define.js'
import { toText } from './engine/frozen-files.js'
import { Freezer, type Finding } from './engine/frozen.js'
import { TextFiles } from './storage/text-files.js'

export type { Finding } from './engine/frozen.js'

/** A catalogue and every step to it. */
export interface FreezeParts<D extends EventDefinitions, S extends Upcaster> {
  events: Catalogue<D>
  upcasters?: readonly S[]
}

export interface Freeze {
  /** Files that were added. */
  written: string[]
  findings: Finding[]
}

/**
 * Records the shape of every event type as it is today, one example of it, and what each step makes of its example, in files that are
 * never changed. Adds what is missing, and nothing while something does not agree with what is there.
 */
export async function freeze<const D extends EventDefinitions, S extends Upcaster = never>(
  directory: string,
  parts: FreezeParts<D, S> & Complete<D, S>,
): Promise<Freeze> {
  const { files, freezer } = await frozen(directory, parts)
  if (freezer.findings.length > 0) return { written: [], findings: freezer.findings }
  for (const [name, content] of freezer.missing) await files.add(name, toText(content))
  return { written: [...freezer.missing.keys()], findings: [] }
}

/**
 * What does not agree with the frozen directory; an empty list is what a project's own test asks for. A shape changed without a new
 * schema number, a step is missing or gives another answer, an example no longer becomes what today's catalogue accepts, or something
 * is not frozen yet.
 */
export async function checkFrozen<const D extends EventDefinitions, S extends Upcaster = never>(
  directory: string,
  parts: FreezeParts<D, S> & Complete<D, S>,
): Promise<Finding[]> {
  const { freezer } = await frozen(directory, parts)
  const added = Array.from(freezer.missing.values(), ({ type, schema, ...what }) => ({
    type,
    schema,
    reason: `${'shape' in what ? 'its shape' : 'its step'} is not frozen yet. Run turnlog freeze and commit ${directory}.`,
  }))
  return [...freezer.findings, ...added]
}

async function frozen(
  directory: string,
  { events, upcasters = [] }: FreezeParts<EventDefinitions, Upcaster>,
): Promise<{ files: TextFiles; freezer: Freezer }> {
  const files = new TextFiles(directory)
  const texts = await files.read('.json')
  return { files, freezer: new Freezer(events, upcasters, texts) }
}
