"""Texts of many kinds for measuring how well tokens are estimated, written or generated for that; none is quoted."""

from __future__ import annotations

import base64
import hashlib
import json
import random

_ENGLISH = """The ferry left the island a little after six, when the fog had thinned enough for the \
captain to see the second buoy. Margaret sat on the upper deck with her coat buttoned to the chin and \
counted the gulls that followed the wake. She had promised her brother that she would sell the house \
before winter, and now that the papers were signed she felt neither relief nor regret, only a mild \
surprise that thirty years could be folded into one brown envelope. Across the aisle a boy was explaining \
to his grandmother how engines work; he was wrong about nearly everything, but he was so certain, and she \
nodded so patiently, that nobody in the cabin had the heart to correct him. "And that," he finished, "is \
why boats never run out of water." Nobody laughed until much later."""

_QUESTION = """I am comparing three approaches to caching in our checkout service and would like a second \
opinion. At the moment every request reads the customer's basket from PostgreSQL, recalculates shipping, \
and stores the result in memory for thirty seconds. We see about 1,200 requests per second at peak, a hit \
rate of roughly 64 %, and p99 latency close to 480 ms. Would you rather move the cache to Redis, \
precompute shipping when the basket changes, or shard the database by customer? Please explain the \
trade-offs, list what could go wrong with each, and say which metrics you would watch during the first \
week after the change."""

_GERMAN = """Die Sitzung begann mit zwanzig Minuten Verspätung, weil der Schlüssel zum großen \
Besprechungszimmer nirgends zu finden war. Frau Lehmann nutzte die Zeit, um die Unterlagen noch einmal \
durchzusehen, und bemerkte dabei, dass die Zahlen des zweiten Quartals nicht zu denen des Jahresberichts \
passten. Als endlich alle saßen, wollte zunächst niemand darüber sprechen. Erst der neue Kollege aus der \
Buchhaltung, der von den früheren Auseinandersetzungen nichts wissen konnte, stellte die naheliegende \
Frage, woher der Unterschied eigentlich komme. Danach dauerte die Besprechung noch drei Stunden, und am \
Ende stand ein Beschluss, den man auch schriftlich hätte fassen können."""

_SPANISH = """Cuando llegamos al pueblo ya era de noche y todas las tiendas estaban cerradas. Mi padre \
conocía a la dueña de la única pensión, una señora muy amable que nos preparó una sopa caliente y nos \
preguntó por el viaje. Le contamos que el coche se había estropeado dos veces y que la segunda vez tuvimos \
que esperar casi cuatro horas a que viniera alguien a ayudarnos. Ella se rió y dijo que aquello no era \
nada, que su hijo había tardado una semana entera en volver de la capital después de la gran nevada. \
Dormimos profundamente, y por la mañana el sol entraba por la ventana como si nunca hubiera llovido en \
aquel valle."""

_RUSSIAN = """Поезд остановился посреди поля, и никто из пассажиров не знал почему. Сначала все сидели \
тихо, потом кто-то открыл окно, и в вагон вошёл запах мокрой травы. Старик у двери сказал, что раньше \
здесь была станция, но её закрыли, когда построили новую дорогу. Девочка спросила, где теперь живут люди, \
которые на этой станции работали, и старик долго думал над ответом. Через сорок минут проводник прошёл по \
вагонам и объяснил, что впереди ремонтируют мост. Тогда несколько человек вышли погулять, а остальные \
достали еду и начали рассказывать друг другу о своих делах."""

_ARABIC = """وصل القطار إلى المدينة بعد منتصف الليل وكانت الشوارع خالية تماما. سأل أحمد الحارس عن أقرب \
فندق فأشار إلى مبنى قديم في نهاية الشارع وقال إن صاحبه رجل طيب لا ينام قبل الفجر. حمل أحمد حقيبته وسار \
ببطء وهو يفكر في الرسالة التي وصلته قبل أسبوع من أخيه. كان قد كتب له أن البيت الكبير سيباع قريبا وأن على \
كل واحد منهم أن يأخذ ما يريد من الكتب والصور. في الصباح شرب القهوة مع صاحب الفندق وتحدثا طويلا عن المدينة \
وكيف تغيرت كثيرا خلال السنوات الأخيرة."""

_CHINESE = """昨天下午我们在公司的会议室里讨论了新系统的上线计划。项目经理认为数据库迁移应该放在周末进行,\
因为那时候访问量最低,即使出现问题也有足够的时间恢复。测试团队则担心准备时间不够,建议先在一个小范围内试运行\
两个星期。最后大家决定把工作分成三个阶段:第一阶段只迁移历史订单,第二阶段迁移用户资料,第三阶段再切换支付接\
口。每个阶段结束以后都要写一份报告,说明遇到了什么问题、怎样解决、还有哪些风险没有消除。我负责编写回滚方案,\
下星期三之前要交给大家审查。"""

_JAPANESE = """駅前の小さな喫茶店は、いつも朝の七時に開く。店主の田中さんは毎日同じ時間に起きて、豆を挽き\
、窓を拭き、古いラジオをつける。常連の客はほとんどが近所の人で、新聞を読みながら静かにコーヒーを飲んで、そ\
れぞれの仕事に出かけていく。ある雨の日、見知らぬ若い女性が入ってきて、二十年前にこの店で働いていた人を探し\
ていると言った。田中さんは少し考えてから、奥の棚から一冊のノートを取り出し、黙ってページをめくり始めた。そ\
こには昔の従業員の名前と、住所がていねいに書かれていた。"""

_KOREAN = """지난주에 우리 팀은 새로운 검색 기능을 배포했습니다. 처음 며칠 동안은 아무 문제가 없었지만, \
사용자가 늘어나면서 응답 시간이 점점 느려지기 시작했습니다. 로그를 살펴보니 같은 질의가 여러 번 반복해서 \
실행되고 있었고, 캐시가 제대로 동작하지 않는다는 사실을 알게 되었습니다. 그래서 우리는 먼저 캐시 키를 \
만드는 방법을 고치고, 그 다음에 데이터베이스 인덱스를 추가했습니다. 지금은 평균 응답 시간이 절반으로 \
줄었고, 다음 달에는 추천 기능도 함께 제공할 예정입니다."""

_PYTHON = '''
class RateLimiter:
    """Lets at most `limit` calls through in any window of `window_s` seconds."""

    def __init__(self, limit: int, window_s: float, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._window_s = window_s
        self._clock = clock
        self._calls: deque[float] = deque()

    def try_acquire(self) -> bool:
        now = self._clock()
        while self._calls and now - self._calls[0] >= self._window_s:
            self._calls.popleft()
        if len(self._calls) >= self._limit:
            return False
        self._calls.append(now)
        return True


def merge_intervals(intervals: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
'''

_TYPESCRIPT = """
export interface Invoice { id: string; customerId: string; lines: InvoiceLine[]; issuedAt: Date; }

export async function loadInvoices(client: HttpClient, customerId: string): Promise<Invoice[]> {
  const response = await client.get(`/api/v2/customers/${encodeURIComponent(customerId)}/invoices`);
  if (!response.ok) {
    throw new ApiError(response.status, `could not load invoices: ${response.statusText}`);
  }
  const rows: RawInvoice[] = await response.json();
  return rows.filter((row) => row.state !== "draft").map((row) => ({
    id: row.invoice_id,
    customerId: row.customer_id,
    lines: row.lines.map(toLine),
    issuedAt: new Date(row.issued_at),
  }));
}

const toLine = (raw: RawLine): InvoiceLine => ({ sku: raw.sku, amount: Number(raw.amount), taxRate: raw.tax ?? 0.19 });
"""

_SQL = """
SELECT c.region, DATE_TRUNC('month', o.created_at) AS month, COUNT(DISTINCT o.customer_id) AS buyers,
       SUM(l.quantity * l.unit_price) AS revenue, AVG(l.quantity) FILTER (WHERE l.discount > 0) AS discounted
FROM orders o
JOIN order_lines l ON l.order_id = o.id
LEFT JOIN customers c ON c.id = o.customer_id AND c.deleted_at IS NULL
WHERE o.created_at >= CURRENT_DATE - INTERVAL '12 months' AND o.status IN ('paid', 'shipped')
GROUP BY 1, 2
HAVING SUM(l.quantity * l.unit_price) > 1000
ORDER BY month DESC, revenue DESC NULLS LAST
LIMIT 200;
"""


def _record(chance: random.Random, number: int) -> dict[str, object]:
    return {
        "id": number,
        "user_name": chance.choice(["anna", "boris", "carla", "dmitri"]),
        "email": f"user{number}@example.com",
        "active": chance.random() < 0.5,
        "balance": round(chance.random() * 1_000, 2),
        "tags": chance.sample(["new", "returning", "vip", "blocked"], 2),
        "created_at": f"2026-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}T08:{chance.randint(10, 59)}:00Z",
    }


def samples() -> dict[str, str]:
    """Texts by kind, the same each time."""
    chance = random.Random(20)
    records = [_record(chance, number) for number in range(40)]
    words = ("pen", "desk", "lamp", "chair", "monitor")
    rows = [
        (n, chance.choice(words), f"{chance.random() * 100:.2f}", chance.randint(1, 99)) for n in range(90)
    ]
    events = ("request finished in", "connection reset by peer after", "retrying upstream call, attempt")
    log = [
        f"2026-11-21 08:{chance.randint(10, 59)}:{chance.randint(10, 59)},{chance.randint(100, 999)} "
        f"{chance.choice(('INFO', 'ERROR', 'DEBUG'))} [worker-{chance.randint(1, 9)}] {chance.choice(events)} "
        f"{chance.randint(1, 9_999)}ms request_id={chance.getrandbits(64):016x}"
        for _ in range(40)
    ]
    spaced = "\n\n".join(
        " " * chance.randint(4, 40) + chance.choice(_QUESTION.split(". ")) for _ in range(25)
    )
    return {
        "prose": _ENGLISH,
        "question": _QUESTION,
        "German": _GERMAN,
        "Spanish": _SPANISH,
        "Russian": _RUSSIAN,
        "Arabic": _ARABIC,
        "Chinese": _CHINESE,
        "Japanese": _JAPANESE,
        "Korean": _KOREAN,
        "Python": _PYTHON,
        "TypeScript": _TYPESCRIPT,
        "SQL": _SQL,
        "JSON": json.dumps(records),
        "indented JSON": json.dumps(records, indent=2),
        "compact JSON": json.dumps(records, separators=(",", ":")),
        "base64": base64.b64encode(chance.randbytes(2_000)).decode(),
        "wrapped base64": base64.encodebytes(chance.randbytes(2_000)).decode(),
        "hex": chance.randbytes(1_200).hex(),
        "checksums": "\n".join(
            f"{hashlib.sha256(bytes([n])).hexdigest()[:40]}  src/part_{n}.py" for n in range(40)
        ),
        "log": "\n".join(log),
        "Markdown table": "| id | name | price | stock |\n|---|---|---|---|\n"
        + "\n".join(f"| {n} | {name} | {price} | {stock} |" for n, name, price, stock in rows),
        "aligned table": "\n".join(
            f"{n:<8}{name:<24}{price:>12}{stock:>10}" for n, name, price, stock in rows
        ),
        "CSV": "id,name,price,stock\n" + "\n".join(",".join(map(str, row)) for row in rows),
        "rich in space": spaced,
        "prose and code": f"{_QUESTION}\n\n```python\n{_PYTHON}```\n\n{_ENGLISH}",
    }
