#!/bin/bash -eu
# Every fuzz target of the repository into $OUT, each with its corpus and its dictionary under the names that
# ClusterFuzzLite looks for. SANITIZER is the builder's: address, or none where it is not set.
cd "$SRC/sealstamp"
cargo fuzz build --release --debug-assertions --sanitizer "${SANITIZER:-none}"
host=$(rustc -vV | sed -n 's/^host: //p')
for target in $(cargo fuzz list); do
  cp "target/$host/release/$target" "$OUT/"
  zip --quiet --junk-paths --recurse-paths "$OUT/${target}_seed_corpus.zip" "fuzz/corpus/$target"
  if [ -f "fuzz/dict/$target.dict" ]; then
    cp "fuzz/dict/$target.dict" "$OUT/"
  fi
done
