"""A bundle records what it answers, so that another computer can be held to it."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from pydantic import ValidationError

from gastropath.bundle.files import open_bundle, starter
from gastropath.inference.selftest import TOLERANCE, examine, picture, with_self_test
from gastropath.results.card import Card


def test_the_picture_is_the_same_bytes_everywhere():
    assert picture(224).shape == (224, 224, 3)
    assert hashlib.sha256(picture(224).tobytes()).hexdigest() == (
        "cae905d7232447c23728627e1668a2baf8db737b3ce4d1ae31ad97d47bc86a34"
    )


def test_the_starter_model_answers_as_recorded():
    examined = examine(starter())
    assert examined.as_recorded
    card, graph = examined.classifier.card, examined.classifier.graph.content
    again = with_self_test(card, graph)
    assert card.self_test
    assert again.self_test
    np.testing.assert_allclose(
        again.self_test.logits, card.self_test.logits, atol=1e-4
    )  # processors differ in the last bits
    assert again.model_copy(update={"self_test": card.self_test}) == card


@pytest.mark.parametrize("kernels", [OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES, OpResolverType.BUILTIN_REF])
def test_other_ways_to_compute_the_graph_stay_far_within_what_is_allowed(kernels):
    bundle = open_bundle(starter())
    assert bundle.card.self_test
    interpreter = Interpreter(str(bundle.graph), experimental_op_resolver_type=kernels)
    answer = interpreter.get_signature_runner("serving_default")(image=picture(bundle.card.input.tile_px)[None])
    away = np.abs(answer["logits"][0] - bundle.card.self_test.logits).max()
    assert 0 < away < TOLERANCE[bundle.card.precision] / 10


@pytest.mark.parametrize("run", ["finished_run", "transfer_run"])
def test_training_records_the_answer_of_the_bundle_it_writes(run, request):
    examined = examine(request.getfixturevalue(run))
    assert examined.difference is not None
    assert examined.difference <= 1e-5


def test_a_recorded_answer_has_a_logit_a_class():
    card = open_bundle(starter()).card.model_dump()
    with pytest.raises(ValidationError, match="7 logits for 8 classes"):
        Card.model_validate({**card, "self_test": {"logits": [0.0] * 7}})
