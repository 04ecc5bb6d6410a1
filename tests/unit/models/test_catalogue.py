from __future__ import annotations

import re
from pathlib import Path

import pytest

from camslice.fleet.errors import ModelError
from camslice.models.catalogue import Catalogue, Kind, imported_folder, load_catalogue
from camslice.models.decoders.make import DECODERS
from camslice.models.licences import OPEN_LICENCES
from camslice.models.sources.debian import DebianSource


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAMSLICE_CACHE", str(tmp_path_factory.mktemp("none")))
        return load_catalogue()


class TestTheData:
    def test_names_and_contents_are_unique(self, packaged: Catalogue) -> None:
        names = [entry.name for entry in packaged.entries]
        hashes = [file.sha256 for entry in packaged.entries for file in entry.files]
        assert len(set(names)) == len(names)
        assert len(set(hashes)) == len(hashes)
        assert all(re.fullmatch("[0-9a-f]{64}", sha256) for sha256 in hashes)

    def test_models_have_facts_and_clips_have_none(self, packaged: Catalogue) -> None:
        for entry in packaged.entries:
            assert (entry.model is not None) == (entry.kind is Kind.MODEL)
            if entry.model is not None:
                assert entry.model.decoder in DECODERS
                assert entry.model.input.channels in ("rgb", "bgr")
                assert entry.model.input.width % 32 == entry.model.input.height % 32 == 0

    def test_wanted_classes_have_names(self, packaged: Catalogue) -> None:
        for entry in packaged.entries:
            if entry.model is not None:
                assert packaged.labels(entry)
                assert all(index < len(packaged.labels(entry)) for index in entry.model.wanted or ())

    def test_coco_has_its_eighty_classes(self, packaged: Catalogue) -> None:
        labels = packaged.labels(packaged.entry("yolox-nano"))
        assert (len(labels), len(set(labels)), labels[0], labels[-1]) == (80, 80, "person", "toothbrush")

    def test_sources_deliver_files_of_their_entry_from_fixed_places(self, packaged: Catalogue) -> None:
        for entry in packaged.entries:
            for source in entry.sources:
                assert entry.file(source.file).size_bytes > 0
                assert re.search(r"/[0-9a-f]{40}/|==|Debian", source.words), source.words

    def test_the_best_model_needs_no_licence_to_be_accepted(self, packaged: Catalogue) -> None:
        assert packaged.entry(packaged.preferred[Kind.MODEL][0]).licence in OPEN_LICENCES

    def test_every_kind_that_is_fetched_can_come_from_the_package_index(self, packaged: Catalogue) -> None:
        for names in packaged.preferred.values():
            assert any("wheel" in source.words for name in names for source in packaged.entry(name).sources)

    def test_only_large_packages_are_a_last_resort(self, packaged: Catalogue) -> None:
        sources = [source for entry in packaged.entries for source in entry.sources]
        assert [source for source in sources if source.last_resort] == [s for s in sources if isinstance(s, DebianSource)]


def test_an_unknown_name_is_answered_with_the_nearest(packaged: Catalogue) -> None:
    with pytest.raises(ModelError, match="no 'yolox_nano'; did you mean 'yolox-nano'"):
        packaged.entry("yolox_nano")
    with pytest.raises(ModelError, match=r"it has yolox-nano.*or give a path"):
        packaged.entry("zzz")


def test_an_imported_entry_gone_bad_is_named(cache: Path) -> None:
    imported_folder().mkdir(parents=True)
    (imported_folder() / "mine.yaml").write_text("entries: 7")
    with pytest.raises(ModelError, match=r"mine.yaml is no model list.*import the model again"):
        load_catalogue()
