"""Large libraries of pictures, made in the database in seconds."""

import json
import random
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

COLOURS = ("red", "green", "blue", "golden", "silver", "black", "white", "purple")
THINGS = (
    *("castle", "forest", "river", "mountain", "robot", "portrait", "cat", "dragon", "city"),
    *("lighthouse", "garden", "violin", "astronaut", "bicycle", "whale", "tower"),
)
STYLES = ("oil painting", "watercolour", "photograph", "line art", "pixel art", "low poly")
KOREAN = ("바다", "노을", "고양이", "산", "하늘", "꽃밭", "도시", "우주", "등대", "한옥", "숲길")
RARE = "zeppelin"
MODELS = ("sd-1.5", "sdxl", "flux.1-dev", "flux.1-schnell", "z-image", "starter")
SIZES = ((512, 512), (768, 512), (1024, 1024), (1024, 768))
TAGS = ("cover", "draft", "print", "client a", "시안")


def prompt_of(chance: random.Random) -> str:
    if chance.random() < 0.4:
        words = [chance.choice(KOREAN) for _word in range(chance.randint(3, 7))]
        return " ".join(words) + " 위의 풍경, 부드러운 빛"
    thing = RARE if chance.random() < 0.0005 else chance.choice(THINGS)
    return (
        f"a {chance.choice(COLOURS)} {thing} near a {chance.choice(THINGS)}, "
        f"{chance.choice(STYLES)}, soft light, highly detailed, number {chance.randint(1, 500)}"
    )


COLUMNS = (
    *("id", "user_id", "image_name", "image_origin", "image_category", "session_id", "node_id"),
    *("width", "height", "file_size_bytes", "metadata", "is_intermediate", "starred", "rating"),
    *("note", "tags", "placeholder", "has_workflow", "board_id", "s3_key", "s3_thumbnail_key"),
    *("created_at", "updated_at"),
)
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
COUNTS = (
    """
    INSERT INTO images_storageuse (id, user_id, stored_bytes, image_count, loose_count, trash_count,
        created_at, updated_at)
    SELECT gen_random_uuid(), user_id, sum(file_size_bytes), count(*),
        count(*) FILTER (WHERE board_id IS NULL), 0, now(), now()
    FROM images_image GROUP BY user_id
    """,
    """
    INSERT INTO images_hourcount (id, user_id, hour, image_count, created_at, updated_at)
    SELECT gen_random_uuid(), user_id, date_trunc('hour', created_at), count(*), now(), now()
    FROM images_image GROUP BY user_id, date_trunc('hour', created_at)
    """,
    """
    UPDATE boards_board SET image_count = counted.number FROM (
        SELECT board_id, count(*) AS number FROM images_image GROUP BY board_id
    ) counted WHERE boards_board.id = counted.board_id
    """,
)
INDEXES = ("images_image_newest", "images_image_best", "images_image_board", "images_image_words")


def fill_libraries(
    server: psycopg.Connection[Any],
    *,
    libraries: Mapping[uuid.UUID, int],
    boards: Mapping[uuid.UUID, list[uuid.UUID]],
    seed: int = 1,
) -> None:
    """Give users so many pictures each, mixed as they come in, a third of them on `boards`.

    `server` is a superuser's connection to an empty table of pictures. Triggers and keys are off
    meanwhile, the counts they keep are made at once, and the large indexes anew.
    """
    server.execute("SET session_replication_role = replica")
    definitions = {
        name: server.execute("SELECT pg_get_indexdef(%s::regclass)", [name]).fetchone()
        for name in INDEXES
    }
    for name in INDEXES:
        server.execute(f"DROP INDEX {name}")
    with server.cursor().copy(f"COPY images_image ({', '.join(COLUMNS)}) FROM STDIN") as copy:
        for row in _rows(libraries, boards, random.Random(seed)):
            copy.write_row(row)
    for statement in COUNTS:
        server.execute(statement)
    server.execute("SET maintenance_work_mem = '512MB'")
    for definition in definitions.values():
        assert definition is not None
        server.execute(definition[0])
    server.execute("VACUUM (ANALYZE) images_image")
    server.execute("SET session_replication_role = DEFAULT")


def _rows(
    libraries: Mapping[uuid.UUID, int],
    boards: Mapping[uuid.UUID, list[uuid.UUID]],
    chance: random.Random,
) -> Iterator[tuple[Any, ...]]:
    owners = [owner for owner, count in libraries.items() for _picture in range(count)]
    chance.shuffle(owners)
    for number, owner in enumerate(owners):
        width, height = chance.choice(SIZES)
        name = uuid.UUID(int=chance.getrandbits(128), version=4)
        metadata = {
            "prompt": prompt_of(chance),
            "negative_prompt": "blurry",
            "model": chance.choices(MODELS, (40, 30, 15, 10, 4, 1))[0],
            "width": width,
            "height": height,
            "steps": chance.choice((20, 30)),
            "guidance_scale": 7.0,
            "scheduler": "euler",
            "seed": chance.getrandbits(32),
        }
        own = boards.get(owner, [])
        board = chance.choice(own) if own and chance.random() < 0.33 else None
        moment = FIRST + timedelta(seconds=60 * number + chance.randint(0, 59))
        yield (
            *(uuid.UUID(int=chance.getrandbits(128), version=4), owner, name),
            *("internal", "general" if chance.random() < 0.95 else "user"),
            *(uuid.UUID(int=chance.getrandbits(128), version=4), "0", width, height, 400_000),
            *(json.dumps(metadata, ensure_ascii=False), False, chance.random() < 0.02),
            chance.choices(range(6), (80, 2, 3, 5, 6, 4))[0],
            "이 그림은 표지" if chance.random() < 0.01 else "",
            chance.sample(TAGS, 1) if chance.random() < 0.05 else [],
            *("", False, board, f"users/{owner}/images/{name}.png"),
            f"users/{owner}/images/thumbnails/{name}.webp",
            *(moment, moment),
        )
