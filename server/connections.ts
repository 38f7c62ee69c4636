import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'

/** How many connections one server, and one address that says nothing, may hold open. */
export type ConnectionLimits = {
  readonly total: number
  /** Connections of one address on which no request is under way. */
  readonly silent: number
}
const defaults: ConnectionLimits = { total: 1000, silent: 100 }
/**
 * A connection may be silent for so many looks, this many ms apart, before that counts. Looks, because the clock goes on while this
 * process is busy: what a client said meanwhile is only read before the next look.
 */
const patience = 4
const lookEvery = 250

/** silent: no request yet, or none any more. sending: its head is here, its body not yet. */
type State = 'silent' | 'sending' | 'served'

/**
 * Keeps room for those who ask. A limit that refuses the newest is a gift to an attacker, who then need only hold connections open:
 * here the oldest on which nothing happens gives way, and what is being answered never does. Node's own timeouts end the rest.
 */
export function limitConnections(server: Server, options: Partial<ConnectionLimits> = {}): void {
  const { total, silent: mostSilent } = { ...defaults, ...options }
  const states = new Map<Duplex, State>()
  // Sets keep the order of arrival.
  const waiting = { silent: new Set<Duplex>(), sending: new Set<Duplex>() }
  const silentOf = new Map<string, Set<Duplex>>()
  const addresses = new WeakMap<Duplex, string>()
  const since = new WeakMap<Duplex, number>()
  let looks = 0

  const enter = (socket: Duplex, state: State | undefined) => {
    const address = addresses.get(socket) ?? ''
    const mine = silentOf.get(address) ?? new Set()
    waiting.silent.delete(socket)
    waiting.sending.delete(socket)
    mine.delete(socket)
    if (state === undefined) states.delete(socket)
    else states.set(socket, state)
    if (state === 'silent' || state === 'sending') (waiting[state].add(socket), since.set(socket, looks))
    if (state === 'silent') mine.add(socket)
    if (mine.size > 0) silentOf.set(address, mine)
    else silentOf.delete(address)
  }
  const drop = (socket: Duplex) => {
    enter(socket, undefined)
    socket.destroy()
  }
  const known = (socket: Duplex, state: State) => states.has(socket) && enter(socket, state)

  const hadTime = (socket: Duplex | undefined) => (socket && looks - since.get(socket)! > patience ? socket : undefined)
  const oldest = () => hadTime(first(waiting.silent)) ?? hadTime(first(waiting.sending))
  const anyWaiting = () => first(waiting.silent) ?? first(waiting.sending)

  // Many may come in one turn and have not been read yet: at the door nobody gives way who had no time to speak, unless there
  // are twice as many as there may be. A moment later they are counted.
  const sweep = setInterval(() => {
    looks++
    for (let one = oldest(); one && states.size > total; one = oldest()) drop(one)
    for (const mine of silentOf.values())
      for (const socket of mine) {
        if (mine.size <= mostSilent || !hadTime(socket)) break
        drop(socket)
      }
  }, lookEvery)
  sweep.unref()
  server.on('close', () => clearInterval(sweep))

  server.on('connection', socket => {
    const address = socket.remoteAddress ?? ''
    addresses.set(socket, address)
    socket.once('close', () => enter(socket, undefined))
    const isFull = states.size >= 2 * total
    const victim = states.size < total ? undefined : (oldest() ?? (isFull ? anyWaiting() : undefined))
    if (victim) drop(victim)
    else if (isFull) return void socket.destroy()
    enter(socket, 'silent')
  })
  server.on('request', (request, response) => {
    known(request.socket, hasBody(request) ? 'sending' : 'served')
    // A refusal may be sent, and the connection be silent again, before the rest of the body is read.
    request.once('end', () => states.get(request.socket) === 'sending' && enter(request.socket, 'served'))
    response.once('close', () => known(request.socket, 'silent'))
  })
  server.on('upgrade', (_, socket) => known(socket, 'served'))
}

/** By its head: whether it ended is only known once somebody has read it. */
const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0

const first = <T>(set: ReadonlySet<T>): T | undefined => set.values().next().value
