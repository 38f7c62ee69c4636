import type { AttributeReader } from '../analysis/attribute-reader.ts'
import type { DataSet } from '../analysis/data-set.ts'
import type { NameSuggestions } from '../analysis/name-suggestions.ts'
import type { Patronus } from '../engine/patronus.ts'
import type { ModelConfig } from '../model/config.ts'
import type { Tensor } from '../model/tensor.ts'
import type { DataSetRequest } from '../nodes/node.ts'
import type { InTurn } from './turns.ts'

/** What a source may tell and hear while it works. */
export type SourceHooks = { readonly signal: AbortSignal; progress(done: number, total: number): void }

/** Where labelled pictures, and what reads them, come from. The server does not know; its program says (cli/sources.ts). */
export type Sources = {
  /** `folder` is the path of the folder of pictures that `set` names, where it names one. */
  dataSet(request: DataSetRequest, folder: string | undefined, hooks: SourceHooks): Promise<DataSet>
  reader(data: DataSet, hooks: SourceHooks): Promise<AttributeReader>
  /** s [N,m] of the pictures by an untrained encoder. */
  untrained(config: ModelConfig, data: DataSet, seed: number, hooks: SourceHooks): Promise<Tensor>
  /**
   * Names that the pictures a checkpoint was trained on suggest for its prototypes, those first that an untrained encoder tells
   * least. BadRequest `no_data_set`, with what to do instead, where these pictures cannot be had. `name`: its file, for messages.
   * Every piece of work on the device is done `inTurn`, so that a graph need not wait for all of it.
   */
  suggestions(patronus: Patronus, name: string, hooks: { signal: AbortSignal; inTurn: InTurn }): Promise<NameSuggestions>
}
