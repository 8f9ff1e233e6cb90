// The client of the app. There is one, made outside of all components.

import { Vestibule } from '@vestibule/client'

const SERVICE = import.meta.env.VITE_VESTIBULE_URL ?? 'http://localhost:8080'
/** The back end of the app, if it is on another origin. */
const BACK_END = import.meta.env.VITE_BACK_END_URL

export const vestibule = new Vestibule(SERVICE, {
  backEnds: BACK_END ? [BACK_END] : [],
})
