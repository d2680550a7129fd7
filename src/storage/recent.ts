/** What was asked for last, up to a number of things; the one that was not asked for the longest is forgotten first. */
export class Recent<K, V> {
  readonly #kept = new Map<K, V>()
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  get(key: K): V | undefined {
    const value = this.#kept.get(key)
    if (value !== undefined) {
      this.#kept.delete(key)
      this.#kept.set(key, value)
    }
    return value
  }

  set(key: K, value: V): void {
    this.#kept.delete(key)
    this.#kept.set(key, value)
    if (this.#kept.size > this.#max) this.#kept.delete(this.#kept.keys().next().value as K)
  }

  forget(isMeant: (key: K) => boolean): void {
    for (const key of [...this.#kept.keys()]) if (isMeant(key)) this.#kept.delete(key)
  }
}
