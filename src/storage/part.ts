/** What one segment holds of a stream, whether its index lies in memory or in a file. */
export interface Part<Note> {
  segment: number
  firstVersion: number
  lastVersion: number
  lastPosition: number
  /** Note at the segment's end; undefined if it was made by another revision. */
  note: Note | undefined
  places(): Promise<number[]> | number[]
  /** What the newest earlier segment holds. */
  previous(): Promise<Part<Note> | undefined>
}
