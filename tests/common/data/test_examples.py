import json

import numpy as np

from common.data.examples import from_json, to_json


def test_files_survive_json():
    example = {"picture": b"\xff\xd8\0 end \0\0", "name": "a.jpg", "captions": ["one", "two"], "n": 3}
    assert from_json(json.loads(json.dumps(to_json(example)))) == example
    assert to_json({"history": np.ones([2])}) == {"history": [1.0, 1.0]}
