/** Reads everything, holds it against itself, and changes nothing. */
import type { Head, StoreReport } from './commit-store.js'
import { covers, damageOf, isPartOf, sameEvidence } from './gap-record.js'
import type { State } from './state.js'
import { Survey, type Finding, type SurveyOptions } from './survey.js'

const CHANGED = 'what is left at a recorded gap, or what stands beside it, changed since it was recorded'

export interface VerifyOptions extends SurveyOptions {
  /** A head of before: proves that today's history goes on from it. */
  since?: Head
}

export async function verify<Note>(state: State<Note>, options: VerifyOptions = {}): Promise<StoreReport> {
  // Others append meanwhile.
  const { head } = state
  const survey = new Survey(state, options.since)
  await survey.read(options)
  const { commits, events, proof } = survey
  const damage = openFindings(state, survey.findings).map((finding) => finding.damage)
  const gaps = state.recorded.map(damageOf)
  return {
    ok: damage.length === 0,
    head,
    commits,
    events,
    damage,
    gaps,
    ...(proof === undefined ? {} : { since: proof.verdict() }),
  }
}

/** What nobody has written down yet, or what changed since; with what is known of the journal and shows in no bytes. */
export function openFindings<Note>({ recorded, damage }: State<Note>, found: readonly Finding[]): Finding[] {
  const open = found.flatMap((finding) => {
    const known = recorded.filter((one) => covers(one, finding.damage))
    if (known.length === 0) return [finding]
    return known.some((gap) => sameEvidence(gap, finding.evidence)) ? [] : [{ ...finding, damage: { ...finding.damage, reason: CHANGED } }]
  })
  const others = damage.filter((known) => !found.some((finding) => isPartOf(finding.damage, known)))
  return [...open, ...others.map((known) => ({ damage: known, evidence: {}, streams: undefined }))]
}
