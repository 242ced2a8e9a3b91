"""What is said: hotline sentences from templates, digits, dialogue sentences, dictionary words in random order.

Every generator yields (text, syllables), the syllables tone-numbered.  A sentence is reserved for the tests when the
hash of its text says so, so training and test texts never meet, whatever the seed.
"""

from __future__ import annotations

import json
import random
import re
import zipfile
import zlib
from functools import lru_cache
from pathlib import Path

from pypinyin import Style, load_phrases_dict, pinyin

from pinyin_units import units_of

DIGITS = "零一二三四五六七八九"
FULL = "对 是 是的 对的 好的 好 嗯 嗯对 不是 不对 没有 有 行 可以 不用 不用了 不要 没错 确认 取消 同意 不同意 转人工 人工 人工服务 返回 重复 上一步 谢谢 再见 喂 喂你好 你好 " \
    "查话费 查流量 查余额 查积分 充值 缴费 办宽带 修宽带 改套餐 退订 投诉 开发票 没有了 没事了 等一下 听不清 再说一遍 知道了 好的谢谢 不需要 算了 明天 今天 上午 下午 晚上 一号 本机 是本人 " \
    "对是的 好的可以 确认办理 暂不办理 先不用了 不办了 办一个 可以的 行吧 没问题 是我 不是我 不知道 不清楚 停机 复机 挂失 补卡 换卡".split()
SLOTS: dict[str, list[str]] = {
    "opener": ["", "", "", "你好", "喂", "您好", "那个", "嗯", "嗯那个", "请问", "请问一下", "我想问一下", "麻烦您", "是这样的", "就是", "啊", "哎", "不好意思"],
    "tail": ["", "", "", "", "吧", "谢谢", "好吗", "可以吗", "呢", "啊", "行吗", "一下", "嘛", "麻烦快点"],
    "help": ["帮我", "给我", "麻烦帮我", "请帮我", "我想", "我要", "我想要", "能不能帮我", "可以帮我", "你帮我", "您给我", "能给我"],
    "look": ["查一下", "查查", "查", "看一下", "看看", "查询", "查询一下", "核对一下", "确认一下"],
    "bill": ["话费", "余额", "话费余额", "账单", "这个月话费", "上个月的话费", "本月账单", "剩余流量", "流量", "套餐余量", "剩余话费", "积分", "我的积分", "通话时长", "欠费", "欠了多少钱",
             "还有多少流量", "还剩多少话费", "我的套餐", "扣费记录", "充值记录", "通话清单", "详单", "合约到期时间", "宽带到期时间", "工单进度", "订单", "实名信息", "归属地", "信用额度"],
    "when": ["这个月", "上个月", "本月", "下个月", "今天", "昨天", "前天", "明天", "后天", "上周", "这周", "下周", "刚才", "早上", "昨天晚上", "今天早上", "月初", "月底", "最近", "前几天"],
    "plan": ["畅享套餐", "流量王套餐", "家庭套餐", "校园套餐", "无限流量套餐", "大王卡", "冰激凌套餐", "全家享套餐", "五G套餐", "四G套餐", "学生套餐", "老年套餐", "保号套餐", "最低的套餐", "便宜的套餐", "亲情网", "基础套餐", "商务套餐", "国际漫游包"],
    "fee": ["九", "十九", "二十九", "三十九", "四十九", "五十九", "六十九", "七十九", "八十九", "九十九", "一百零九", "一百一十九", "一百二十九", "一百三十九", "一百五十九", "一百六十九", "一百九十九", "二百二十九", "二百九十九", "五", "十", "八", "十八", "二十八", "三十八", "五十八", "八十八"],
    "service": ["彩铃", "来电显示", "来电提醒", "呼叫转移", "国际漫游", "国际长途", "视频会员", "流量包", "加油包", "语音信箱", "骚扰拦截", "亲情号", "副卡", "短信包", "提速包", "高清语音", "增值业务", "会员", "定向流量包", "夜间流量包", "叠加包", "自动续费", "手机报", "呼叫等待"],
    "biz": ["宽带", "套餐", "手机卡", "副卡", "流量卡", "携号转网", "过户", "销户", "补卡", "换卡", "停机", "复机", "停机保号", "宽带移机", "宽带续费", "销号", "实名认证", "挂失", "开发票", "电子发票", "改密码", "重置密码", "积分兑换", "宽带提速", "分期", "家庭网"],
    "speed": ["一百兆", "两百兆", "三百兆", "五百兆", "一千兆", "五十兆", "千兆", "百兆"],
    "data": ["一个G", "两个G", "三个G", "五个G", "十个G", "二十个G", "三十个G", "五十个G", "一百个G", "一百兆", "五百兆", "三百兆"],
    "fault": ["上不了网", "连不上网", "网速很慢", "没有信号", "信号不好", "打不通电话", "接不到电话", "收不到短信", "收不到验证码", "断网了", "老是掉线", "光猫亮红灯", "光信号闪红灯", "路由器连不上", "电视看不了", "打不开网页", "没有网络", "一直掉线", "用不了流量", "被停机了", "不能打电话", "听不到对方声音", "卡顿", "机顶盒坏了", "网络太差了", "宽带连不上", "充值没到账", "登录不了", "打游戏很卡", "密码忘记了"],
    "place": ["家里", "公司", "这边", "我们小区", "办公室", "地下室", "楼上", "宿舍", "店里", "村里", "学校", "老家", "外地", "国外"],
    "city": "北京 上海 广州 深圳 天津 重庆 成都 杭州 南京 武汉 西安 长沙 长春 郑州 济南 青岛 大连 沈阳 哈尔滨 厦门 福州 合肥 昆明 贵阳 南宁 海口 太原 石家庄 兰州 南昌 苏州 宁波 无锡 东莞 佛山 珠海".split(),
    "abroad": "日本 韩国 泰国 美国 英国 法国 德国 新加坡 马来西亚 香港 澳门 台湾 越南 俄罗斯 澳大利亚 加拿大 意大利 迪拜".split(),
    "surname": "王 李 张 刘 陈 杨 黄 赵 吴 周 徐 孙 马 朱 胡 郭 何 高 林 罗 郑 梁 谢 宋 唐 许 韩 冯 邓 曹 彭 曾 肖 田 董 袁 潘 于 蒋 蔡 余 杜 叶 程 苏 魏 吕 丁 任 沈 姚 卢 姜 崔 钟 谭 陆 汪 范 金 石 廖 贾 夏 韦 付 方 白 邹 孟 熊 秦 邱 江 尹 薛 闫 段 雷 侯 龙 史 陶 黎 贺 顾 毛 郝 龚 邵 万 钱 严 覃 武 戴 莫 孔 向 汤".split(),
    "given": "伟 芳 娜 秀英 敏 静 丽 强 磊 军 洋 勇 艳 杰 娟 涛 明 超 秀兰 霞 平 刚 桂英 建国 建华 文 辉 玲 红 鹏 志强 晓明 小红 丽华 海燕 雪梅 国强 玉兰 婷婷 浩然 子轩 雨涵 欣怡 宇航 思远 佳琪 俊杰 梓涵 晨曦 一鸣 春梅 冬梅 凤英".split(),
    "bank": ["工商银行", "建设银行", "农业银行", "中国银行", "招商银行", "交通银行", "邮储银行", "微信", "支付宝", "信用卡", "银行卡", "翼支付", "云闪付"],
    "carrier": ["移动", "联通", "电信", "广电", "中国移动", "中国联通", "中国电信"],
    "day": ["周一", "周二", "周三", "周四", "周五", "周六", "周日", "星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期天", "礼拜一", "礼拜天"],
    "month": ["一月", "二月", "三月", "四月", "五月", "六月", "七月", "八月", "九月", "十月", "十一月", "十二月"],
    "part": ["早上", "上午", "中午", "下午", "晚上", "凌晨", "傍晚"],
    "hour": ["一点", "两点", "三点", "四点", "五点", "六点", "七点", "八点", "九点", "十点", "十一点", "十二点", "九点半", "两点半", "三点一刻", "十点四十", "八点十分"],
}
TEMPLATES = """
{opener}{help}{look}{bill}{tail}|{opener}{look}{when}的{bill}{tail}|{opener}{when}{bill}是多少|{opener}我{when}用了多少流量|{opener}我还有多少话费|{opener}还剩多少流量{tail}|我手机{bill}还有多少
{opener}{help}办理{fee}元的{plan}{tail}|{opener}{help}换成{fee}块钱的套餐{tail}|{opener}{help}改成{fee}元{plan}|{fee}元的{plan}有多少流量|{opener}有没有{fee}块钱的套餐|{fee}块钱那个吧|我要{fee}元那个|就办{fee}元的|{plan}多少钱一个月|{plan}包含多少分钟通话|{plan}每个月多少钱|{fee}元包{data}流量|我现在用的是{fee}元的{plan}|{opener}有什么优惠套餐|套餐太贵了想换个便宜的|我想把套餐从{fee}元改成{fee}元|给我推荐一个套餐
{opener}{help}开通{service}{tail}|{opener}{help}取消{service}{tail}|{opener}{help}退订{service}{tail}|{service}怎么取消|{service}怎么收费|我没有开通过{service}|为什么给我开了{service}|{service}多少钱一个月|谁给我办的{service}|{opener}{help}关掉{service}|我订购了{service}还没到账|{service}什么时候生效
{opener}我{place}{fault}{tail}|{opener}{place}的宽带{fault}|{opener}{when}开始{fault}|{opener}我的手机{fault}怎么办|宽带{fault}能不能派人来修|{fault}了好几天了|重启过了还是{fault}|{opener}我要报修宽带{tail}|师傅什么时候上门|{day}{part}{hour}可以上门吗|能不能改到{day}{part}|预约{day}{part}{hour}|{part}{hour}以后都在家|光猫上的灯是红的|我{place}网络{fault}你们管不管|我已经重启了光猫
{opener}{help}转人工{tail}|转人工服务|我要人工客服|{opener}找人工|不要机器人转人工|人工人工|我要跟真人说话|叫你们经理来|转接人工坐席|{opener}接人工
{opener}{help}办理{biz}{tail}|{opener}{biz}怎么办理|{biz}需要什么材料|{biz}要多长时间|{biz}可以网上办吗|在哪里办{biz}|{biz}要去营业厅吗|{opener}我想了解一下{biz}|{biz}要多少钱|办{biz}要带身份证吗|{opener}取消{biz}
{opener}{help}充{amount}话费{tail}|充值{amount}|充{amount}|我充了{amount}怎么没到账|为什么扣了我{amount}|{when}多扣了我{amount}|你们乱扣费|怎么扣了{amount}|我要退费{amount}|{when}为什么扣费这么多|这{amount}是什么费用|用{bank}付款|我用{bank}交的|{bank}怎么绑定|{bank}扣了{amount}|话费{amount}够不够|余额还有{amount}
{opener}办{speed}宽带多少钱|{speed}的宽带一年多少钱|我想装{speed}的宽带|升级到{speed}|{opener}宽带提速到{speed}|家里是{speed}的网速度只有{speed}|我们小区能装宽带吗|宽带{when}到期了|宽带续费多少钱|安装地址是{city}{address}|我家住在{city}{address}|地址{address}|移机到{address}
我的号码是{phone}|手机号{phone}|{phone}|{opener}电话是{phone}|尾号{four}|号码尾号是{four}|验证码是{six}|验证码{six}|密码是{six}|工单号{six}|我要给{phone}充值|查一下{phone}的话费|是{phone}这个号码|{four}|{six}|身份证后四位{four}|卡号{ten}|宽带账号是{ten}|不对是{phone}|订单号{ten}
{opener}我叫{surname}{given}|我姓{surname}|{surname}{given}|机主是{surname}{given}|我是{surname}先生|我是{surname}女士|户名{surname}{given}|本人{surname}{given}
{opener}我要去{abroad}怎么开漫游|去{abroad}的漫游怎么收费|{abroad}打电话多少钱一分钟|{opener}{help}开通{abroad}漫游|我在{abroad}{fault}|我从{city}去{abroad}|我现在在{city}|我的号码是{city}的|{city}能办{biz}吗|从{city}移到{city}
{opener}我要投诉|我要投诉你们|投诉{place}信号差|你们服务太差了|我要到工信部投诉|{when}的投诉有结果吗|投诉工单处理得怎么样了|给个说法|什么时候给我回复|太慢了|催一下工单|我都打了好几次电话了|你们能不能快点处理|没人给我回电话
我想转到{carrier}|{carrier}的套餐比你们便宜|我要携号转网到{carrier}|怎么转网|转网有什么条件|合约还有多久到期|违约金多少钱|我不想用你们的卡了|号码想保留|办了副卡可以吗
{month}{date}|{month}{date}的账单|{when}{part}{hour}|{month}份的话费|从{month}到{month}|{date}出账吗|账单日是{date}|还款日是{date}|{part}{hour}|我生日是{month}{date}|{day}{part}|今天是{day}
{yes}|{yes}{yes}|{yes}{fee}元的|{yes}就这个|{no}|{no}{no}|{no}我再想想|{no}我要{bill}|不是这个是{biz}|不对我说的是{fee}元|{yes}帮我办|{yes}谢谢|先不办了|考虑一下再说|太贵了不要|多少钱|什么意思|怎么办|为什么|什么时候|你说什么|没听清|大声一点|你是机器人吗|还有别的吗|没有别的了|就这些|重新说|第一个|第二个|第三个|都不是
我上周在{city}的营业厅办的{biz}|我老婆的号码是{phone}|我妈的手机{fault}|孩子用的手机想限制流量|老人机能用{plan}吗|我刚换了手机收不到验证码|卡坏了要补卡|身份证丢了怎么办|SIM卡丢了|服务密码忘了怎么重置|怎么修改服务密码|发票开什么抬头|发票寄到哪里|发送到我的邮箱|发到手机短信|下载你们的客户端|积分能换什么|{num}积分能换话费吗|我有{num}积分|流量用超了怎么算|超出部分怎么收费|流量可以结转到下个月吗|这个活动什么时候结束|学生有优惠吗|预存话费送手机吗|送的话费什么时候返还|合约期多久|明天能停机保号吗|现在办马上生效吗|次月生效还是立即生效
""".replace("\n", "|").strip("|").split("|")
YES = "对 是 是的 对的 好的 好 嗯 行 可以 没错 没问题 确认 同意 就是 可以的 好吧 行吧".split()
NO = "不 不是 不对 不用 不用了 不要 不要了 没有 不需要 不办 算了 不行 不可以 不同意 取消".split()


def digits(rng: random.Random, n: int, yao: bool = True) -> str:
    text = "".join(rng.choice(DIGITS) for _ in range(n))
    return text.replace("一", "幺") if yao else text


def phone(rng: random.Random) -> str:
    head = "幺" + rng.choice("三五七八九三八") + rng.choice(DIGITS)
    return (head + digits(rng, 8)) if rng.random() < 0.85 else (head + digits(rng, 8)).replace("幺", "一")


def number(n: int) -> str:
    """A cardinal below 100,000 as it is said."""
    if n >= 10000:
        head, rest = divmod(n, 10000)
        return number(head) + "万" + (("零" if rest < 1000 else "") + number(rest) if rest else "")
    text, pending_zero = "", False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        d = n // unit % 10
        if d:
            text += ("零" if pending_zero else "") + ("两" if d == 2 and unit >= 1000 else DIGITS[d]) + name
            pending_zero = False
        elif text:
            pending_zero = True
    text = text or "零"
    return text[1:] if text.startswith("一十") else text


def amount(rng: random.Random) -> str:
    n = rng.choice([rng.randint(1, 20), rng.choice([10, 20, 30, 50, 100, 200, 300, 500]), rng.randint(1, 999), rng.randint(1, 9999)])
    tail = rng.choice(["块", "块钱", "元", "元", f"点{digits(rng, rng.randint(1, 2), False)}元", f"块{rng.choice(DIGITS[1:])}"])
    return number(n) + tail


def hotline(rng: random.Random) -> str:
    if rng.random() < 0.16:
        return rng.choice(FULL)
    text = rng.choice(TEMPLATES)

    def fill(m: re.Match) -> str:
        name = m.group(1)
        return {
            "phone": lambda: phone(rng), "four": lambda: digits(rng, 4, rng.random() < 0.7), "six": lambda: digits(rng, 6, rng.random() < 0.7),
            "ten": lambda: digits(rng, rng.randint(7, 12), rng.random() < 0.7), "amount": lambda: amount(rng),
            "num": lambda: number(rng.randint(1, 20000)), "date": lambda: number(rng.randint(1, 31)) + rng.choice("号号日"),
            "yes": lambda: rng.choice(YES), "no": lambda: rng.choice(NO),
            "address": lambda: rng.choice(SLOTS["surname"]) + rng.choice("家山河林泉湖安") + rng.choice(["路", "街", "大道", "小区", "花园"]) + number(rng.randint(1, 300)) + "号" + rng.choice(["", number(rng.randint(1, 30)) + "栋", number(rng.randint(1, 20)) + "号楼" + number(rng.randint(1, 6)) + "单元" + digits(rng, 3, False)]),
        }.get(name, lambda: rng.choice(SLOTS[name]))()

    return re.sub(r"\{(\w+)\}", fill, text)


LETTERS = {"G": "ji4", "S": "ai1 si1", "I": "ai4", "M": "ai1 mu5"}


@lru_cache(maxsize=1)
def _load_overlay() -> None:
    from make_lexicon import HERE, load_overlay
    from pypinyin.contrib.tone_convert import to_tone

    load_phrases_dict({w: [[to_tone(s)] for s in r] for w, (r, _) in load_overlay(HERE / "telecom_words.txt").items()})


def syllables_of(text: str) -> list[str] | None:
    """Tone-numbered syllables of a Chinese text (G, S, I, M are spoken as letters); None if unreadable."""
    _load_overlay()
    out: list[str] = []
    for piece in re.findall(r"[一-鿿]+|[A-Z]|.", text):
        if piece in LETTERS:
            out += LETTERS[piece].split()
        elif "一" <= piece[0] <= "鿿":
            got = [p[0].replace("ü", "v") for p in pinyin(piece, style=Style.TONE3, neutral_tone_with_five=True)]
            out += ["en5" if s[:-1] in ("n", "ng") else s for s in got]
        elif piece not in "，。？！、；：“”《》（） ,.?!":
            return None
    return out if out and all(s[-1].isdigit() and units_of(s) for s in out) else None


def reserved_for_tests(text: str) -> bool:
    """One sentence of four and more characters in forty belongs to the tests alone."""
    return len(text) >= 4 and zlib.crc32(text.encode()) % 40 == 0


def crosswoz(folder: Path) -> list[str]:
    """User sentences of CrossWOZ without digits and Latin letters, cut at punctuation to at most 20 characters."""
    out: list[str] = []
    for path in sorted(folder.glob("*.json.zip")):
        with zipfile.ZipFile(path) as z:
            for name in z.namelist():
                if not name.endswith(".json"):
                    continue
                for dialogue in json.loads(z.read(name)).values():
                    for turn in dialogue["messages"]:
                        if turn["role"] == "usr":
                            clauses = re.split(r"[，。？！、；：,.?!~… ]+", turn["content"])
                            out += [c for c in clauses if 2 <= len(c) <= 20 and re.fullmatch(r"[一-鿿]+", c)]
    return sorted(set(out))


def lexicon_words(path: Path, count: int = 40000) -> list[tuple[str, list[str]]]:
    """The most frequent words of the project's lexicon with their readings."""
    words = []
    for line in path.read_text(encoding="utf8").splitlines():
        word, said, _ = line.split("\t")
        words.append((word, said.split()))
        if len(words) >= count:
            break
    return words


def rare_characters(path: Path) -> list[tuple[str, list[str]]]:
    """Every single-character line of the lexicon: all legal syllables are among them."""
    return [(w, s) for w, s in lexicon_words(path, 10**9) if len(w) == 1]


class Texts:
    """A mixture: 55 % hotline, 15 % dialogue, 25 % random words, 5 % digit strings."""

    def __init__(self, lexicon: Path, crosswoz_dir: Path | None, seed: int):
        self.rng = random.Random(seed)
        self.words = lexicon_words(lexicon)
        by_syllable: dict[str, list] = {}
        for w, s in rare_characters(lexicon):
            by_syllable.setdefault(s[0][:-1], []).append((w, s))
        self.by_syllable = list(by_syllable.values())
        self.dialogue = crosswoz(crosswoz_dir) if crosswoz_dir and crosswoz_dir.exists() else []

    def draw(self) -> tuple[str, list[str]]:
        while True:
            u = self.rng.random()
            if u < 0.25:
                picked = []
                for _ in range(self.rng.randint(1, 6)):
                    # A quarter of the words are single characters drawn evenly over the legal syllables.
                    picked.append(self.rng.choice(self.rng.choice(self.by_syllable)) if self.rng.random() < 0.25 else self.rng.choice(self.words))
                return "".join(w for w, _ in picked), [s for _, r in picked for s in r]
            if u < 0.30:
                text = digits(self.rng, self.rng.randint(1, 11), self.rng.random() < 0.7)
            elif u < 0.45 and self.dialogue:
                text = self.rng.choice(self.dialogue)
            else:
                text = hotline(self.rng)
            said = syllables_of(text)
            if said and not reserved_for_tests(text):
                return text, said
