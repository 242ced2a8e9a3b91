//! Answers as callers give them, most written before the grammars were tried on them: numbers and days in whole sentences.

use chrono::{NaiveDate, NaiveDateTime};
use hualu_core::dialogue::Hypothesis;
use hualu_nlu::Assistant;
use hualu_nlu::bot::Bot;
use hualu_nlu::utterance::Pronouncer;
use std::path::Path;

/// Slot or kind, what is said, and the value; empty where none may be taken.
const ANSWERS: [(&str, &str, &str); 49] = [
    ("owner_number", "幺三八，二五六七，九零四三", "13825679043"),
    ("owner_number", "我号码是一五九零零二七八六四一", "15900278641"),
    ("owner_number", "幺八六零七五五，四四幺二", "18607554412"),
    ("owner_number", "一三七八，哦不对，一三六八八二二四九零五", "13688224905"),
    ("owner_number", "一三五幺幺零九八七七二，说错了，最后一位是三", "13511098773"),
    ("owner_number", "幺五零四五六七七八八九，啊不是，是幺五零四五六七七八八八", "15045677888"),
    ("owner_number", "就办我老婆那个号，一八八，三个二，五六七八九零零", ""),
    ("owner_number", "我老伴的，一八八三个二五六七八九", "18822256789"),
    ("owner_number", "是我妈的号码一八二六三零零七四五二", "18263007452"),
    ("owner_number", "你记一下啊，幺七六，嗯，四零三三，然后是八五二幺", "17640338521"),
    ("owner_number", "幺三九一零二三四五六七，对，就是幺三九一零二三四五六七", "13910234567"),
    ("owner_number", "要三三，零八八九，流七六五", "13308896765"),
    ("owner_number", "等下我看看，一九八二三四零六六一五", "19823406615"),
    ("owner_number", "八六一三四二二五五零九八七", "13422550987"),
    ("owner_number", "一百三十八零零六六五五四四", "13800665544"),
    ("owner_number", "前面是一三八，后面八位是六六二零五三一七", "13866205317"),
    ("family_member", "我女儿的幺五二，七七八八，零九零九", "15277880909"),
    ("family_member", "幺三零四个六，二三四五", "13066662345"),
    ("family_member", "他的号是一八九，五二三，一零四，五五，不对六六", "18952310466"),
    ("family_member", "一八九五二三一零四五五，不对，最后两位是六六", "18952310466"),
    ("family_member", "一七八两个零三个一九八七", "17800111987"),
    ("forward_to", "转到我座机，零七五五，八三二一六六零零", "075583216600"),
    ("forward_to", "零二零八七六五四三二一", "02087654321"),
    ("forward_to", "就转到我另外一个手机一三四三五五六七七八八吧", "13435567788"),
    ("forward_to", "八三二一六六零零", "83216600"),
    ("forward_to", "区号零五七一，号码八八九九零零一一", "057188990011"),
    ("bad_number", "他用的是四零零八二零五五五五", "4008205555"),
    ("bad_number", "尾号我忘了，前面是一七零", ""),
    ("bad_number", "一直是零一零六二三三四四五五这个号打来的", "01062334455"),
    ("bad_number", "那人的号一六二，三三四四，五五六七，天天打", "16233445567"),
    ("datetime", "明天下午三点半吧", "2026-04-17T15:30"),
    ("datetime", "这周六上午十点钟", "2026-04-18T10:00"),
    ("datetime", "后天晚上八点一刻", "2026-04-18T20:15"),
    ("datetime", "下礼拜一早上九点左右", "2026-04-20T09:00"),
    ("datetime", "今天下班以后，六点半", "2026-04-16T18:30"),
    ("datetime", "二十号下午两点到四点之间", "2026-04-20T14:00"),
    ("datetime", "两个小时以后再打给我", "2026-04-16T12:20"),
    ("datetime", "四十分钟之后", "2026-04-16T11:00"),
    ("datetime", "晚上七点", "2026-04-16T19:00"),
    ("datetime", "五一那天中午十二点", "2026-05-01T12:00"),
    ("datetime", "明早八点", "2026-04-17T08:00"),
    ("datetime", "星期天下午四点多", "2026-04-19T16:00"),
    ("datetime", "十点半不行，那就十一点吧，明天的", "2026-04-17T11:00"),
    ("datetime", "下个月三号上午九点", "2026-05-03T09:00"),
    ("datetime", "等会儿十二点半我才有空", "2026-04-16T12:30"),
    ("datetime", "大后天傍晚五点", "2026-04-19T17:00"),
    ("datetime", "明天吧，下午五点", "2026-04-17T17:00"),
    ("datetime", "下午三点，明天的", "2026-04-17T15:00"),
    ("datetime", "不是明天，是后天上午十一点", "2026-04-18T11:00"),
];

/// A Thursday.
fn now() -> NaiveDateTime {
    NaiveDate::from_ymd_opt(2026, 4, 16).and_then(|date| date.and_hms_opt(10, 20, 0)).expect("a real time")
}

#[test]
fn answers_give_their_values() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bots/hotline_10086");
    let bot = Bot::load(&dir).unwrap_or_else(|faults| panic!("{faults}"));
    let assistant = Assistant::for_text(bot, Pronouncer::installed(), None);
    let heard = |text: &str| Hypothesis { text: text.to_owned().into(), confidence: 0.9, ..Hypothesis::default() };
    let mut wrong = Vec::new();
    for (slot, said, value) in ANSWERS {
        let found = assistant.read_answer(slot, &heard(said), now()).map(|found| found.plain()).unwrap_or_default();
        if found != value {
            wrong.push(format!("{slot}: {said}: {found}, not {value}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), ANSWERS.len(), wrong.join("\n"));
}
