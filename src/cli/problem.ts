/** Something about what a person named on the command line that this person can mend: a key, a note, a transcript. */
export class Problem extends Error {
  override readonly name = 'Problem'
}
