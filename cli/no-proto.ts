/**
 * Imported first: what `node --disable-proto=delete` does, for a program that is started without flags. A copy of JSON with the key
 * `__proto__` can then no longer reach the prototype of every object (spec/reliability.md 1.3).
 */
Reflect.deleteProperty(Object.prototype, '__proto__')
