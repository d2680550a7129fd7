/** Layer B, a share of it. */
import { share } from './share.js'
import { randomLives } from './layers/random-lives.js'

share(randomLives, 60_000)
