"""Labels the pictures of a folder, many at a time: python folder.py photos/ [net.safetensors]"""

import pathlib
import sys

import lq_infer
import numpy as np

BATCH = 64

model = lq_infer.Model.open(sys.argv[2]) if len(sys.argv) > 2 else lq_infer.Model.bundled()
net = lq_infer.Engine("auto").prepare(model, max_batch=BATCH)
paths = sorted(pathlib.Path(sys.argv[1]).iterdir())
for start in range(0, len(paths), BATCH):
    some = paths[start : start + BATCH]
    logits = net.logits(np.stack([model.preprocess(path) for path in some]))
    for path, of_one in zip(some, logits):
        best = net.classification(of_one, top_k=1).top[0]
        print(f"{path.name}: {best.label} ({best.probability:.1%})")
