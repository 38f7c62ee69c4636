import type { Claim, Keeper } from './output-names.ts'

/** A call of the Keeper's, as plain data between the process that runs graphs and the one that keeps things. */
export type Question = { readonly shownNames: string } | { readonly claim: Claim }
export type Reply = { readonly value: unknown } | { readonly problem: { readonly message: string; readonly code?: string } }

/** The Keeper as the worker process sees it: every call is a question, and the answer comes when it comes. */
export function createAsker(ask: (id: number, question: Question) => void): {
  readonly keeper: Keeper
  told(id: number, reply: Reply): void
} {
  const waiting = new Map<number, { resolve(value: never): void; reject(error: Error): void }>()
  let questions = 0
  const put = <T>(question: Question) =>
    new Promise<T>((resolve, reject) => {
      const id = questions++
      waiting.set(id, { resolve, reject })
      ask(id, question)
    })
  return {
    keeper: { shownNames: checkpoint => put({ shownNames: checkpoint }), claim: claim => put({ claim }) },
    told: (id, reply) => {
      const one = waiting.get(id)
      waiting.delete(id)
      if ('value' in reply) one?.resolve(reply.value as never)
      else one?.reject(Object.assign(new Error(reply.problem.message), { code: reply.problem.code }))
    },
  }
}

/** What the Keeper says to a question. Never rejects: a full disk is the asking node's error, not the end of this process. */
export async function reply(keeper: Keeper, question: Question): Promise<Reply> {
  try {
    return {
      value: 'claim' in question ? await keeper.claim(question.claim) : await keeper.shownNames(question.shownNames),
    }
  } catch (error) {
    const { message, code } = error as Error & { code?: string }
    return { problem: { message, code } }
  }
}
