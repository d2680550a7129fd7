/** Repair: keeps a copy of what cannot be read, and writes down in the journal that it is lost, or that another one lost it. Nothing that is there is changed. */
import type { Damage } from '../errors.js'
import type { Loss } from './commit-store.js'
import { Kind } from './frame.js'
import { damageOf, packGaps, unpackGaps, type Lost, type RecordedGap } from './gap-record.js'
import { quarantine } from './quarantine.js'
import type { State } from './state.js'
import { Survey, type Finding, type SurveyOptions } from './survey.js'
import { openFindings } from './verify.js'
import type { Writer } from './writer.js'

/** One frame holds all of it: a crash leaves the journal as it was, or repaired. */
export async function repair<Note>(state: State<Note>, writer: Writer<Note>, options: SurveyOptions = {}): Promise<Damage[]> {
  const survey = new Survey(state)
  await survey.read(options)
  const findings = openFindings(state, survey.findings)
  if (findings.length === 0) return []
  for (const finding of findings) await setAside(state, finding)
  const payload = packGaps(
    state.core.clock.now(),
    findings.map((finding) => lostOf(state, finding)),
  )
  let recorded: RecordedGap[] = []
  await writer.frame(Kind.gap, payload, () => {
    recorded = unpackGaps(payload, state.head)
    state.facts.addGaps(recorded)
    state.settle()
  })
  return recorded.map(damageOf)
}

/** Writes a gap that another journal has at its place in this one. */
export async function carryLoss<Note>(state: State<Note>, writer: Writer<Note>, { at, ...lost }: Loss): Promise<void> {
  const payload = packGaps(at, [lost])
  const passes = lost.last + 1 - lost.first
  await writer.frame(Kind.gap, payload, () => state.facts.addGaps(unpackGaps(payload, state.head)), passes)
}

async function setAside<Note>({ core, segments, active }: State<Note>, { damage }: Finding): Promise<void> {
  const { segment: name, offset, bytes, reason } = damage
  const segment = [...segments.values(), active].find((one) => one.name === name)
  if (segment !== undefined && bytes > 0) await quarantine(core, segment, offset, offset + bytes, reason)
}

function lostOf<Note>({ head }: State<Note>, { damage, evidence, streams }: Finding): Lost {
  const { segment, offset, bytes, firstPosition: first, lastPosition = head.position, reason } = damage
  return { first, last: lastPosition, segment, offset, bytes, reason, ...(streams === undefined ? {} : { streams }), ...evidence }
}
