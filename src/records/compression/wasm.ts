// The compressors in WebAssembly, loaded when something is compressed for the first time: a mirror never does, and
// they take several MB.
import { createRequire } from 'node:module';

type WasmUtils = typeof import('@platformatic/wasm-utils');

let loaded: WasmUtils | undefined;

export function wasmUtils(): WasmUtils {
  loaded ??= createRequire(import.meta.url)('@platformatic/wasm-utils') as WasmUtils;
  return loaded;
}
