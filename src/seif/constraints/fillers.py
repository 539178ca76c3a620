"""Plain sentences to fill a reply with: per language a few, without commas, in words that langdetect recognises."""

from __future__ import annotations

ENGLISH = (
    "the weather is fine and we like it",
    "this is what we want",
    "that is what you want when you go there",
    "it was good to know him",
    "we took the long road to the old town by the sea",
    "she has her books with her",
    "you know how to do it on your own",
    "all of them did what they could",
    "they will be there in the evening",
    "who is it that we see",
    "now and then a man has a plan that fails",
    "which of the things would be of use",
)
_COMMON = """
the of and to in is you that it he was for on are with his they be at one have this from had by hot but what some we
can out other were all there when up use your how said an each she which do their time if will way about many then
them would like so these her long make thing see him two has look more day could go come did sound no most people my
over know water than call first who may down side been now find any new work part take get place made live where
after back little only round man year came show every good me give our under name very through just form much great
think say help low line before turn cause same mean move right boy old too does tell why ask went men need try kind
hand big
"""
ENGLISH_WORDS = tuple(_COMMON.split())
OTHERS: dict[str, tuple[str, ...]] = {
    "af": ("die weer is vandag mooi en ons gaan saam huis toe", "hy het nie geweet wat ons wil doen nie"),
    "ar": ("الطقس جميل اليوم ونحن نذهب إلى البيت", "هذا كتاب جديد من المكتبة"),
    "bg": ("времето днес е хубаво и ние отиваме у дома", "това е новата книга която искам да прочета"),
    "bn": ("আজ আবহাওয়া খুব সুন্দর এবং আমরা বাড়ি যাচ্ছি", "এটি একটি নতুন বই"),
    "cs": ("dnes je hezké počasí a půjdeme domů", "to je nová kniha kterou chci přečíst"),
    "da": ("vejret er godt i dag og vi går hjem sammen", "det er en ny bog som jeg gerne vil læse"),
    "de": ("das wetter ist heute schön und wir gehen nach hause", "ich möchte das neue buch nicht kaufen"),
    "el": ("ο καιρός είναι καλός και πηγαίνουμε στο σπίτι", "αυτό είναι ένα νέο βιβλίο"),
    "es": ("el tiempo es muy bueno hoy y nosotros vamos a la casa", "este es el libro nuevo que quiero leer"),
    "fa": ("امروز هوا خوب است و ما به خانه می‌رویم", "این یک کتاب تازه است که می‌خواهم بخوانم"),
    "fi": ("tänään on kaunis päivä ja me menemme kotiin", "tämä on uusi kirja jonka haluan lukea"),
    "fr": ("le temps est beau aujourd'hui et nous allons à la maison", "je ne veux pas acheter le nouveau livre"),
    "gu": ("આજે હવામાન સારું છે અને અમે ઘરે જઈએ છીએ", "આ એક નવું પુસ્તક છે"),
    "he": ("מזג האוויר יפה היום ואנחנו הולכים הביתה", "זה ספר חדש"),
    "hi": ("आज मौसम अच्छा है और हम घर जा रहे हैं", "यह एक नई किताब है"),
    "id": ("cuaca hari ini sangat baik dan kami akan pulang ke rumah", "ini adalah buku baru yang ingin saya baca"),
    "it": ("oggi il tempo è bello e noi andiamo a casa", "questo è il libro nuovo che voglio leggere"),
    "ja": ("今日は天気がいいので家に帰ります", "これは新しい本です"),
    "kn": ("ಇಂದು ಹವಾಮಾನ ಚೆನ್ನಾಗಿದೆ ಮತ್ತು ನಾವು ಮನೆಗೆ ಹೋಗುತ್ತಿದ್ದೇವೆ", "ಇದು ಹೊಸ ಪುಸ್ತಕ"),
    "ko": ("오늘은 날씨가 좋아서 우리는 집에 갑니다", "이것은 새 책입니다"),
    "ml": ("ഇന്ന് കാലാവസ്ഥ നല്ലതാണ് ഞങ്ങൾ വീട്ടിലേക്ക് പോകുന്നു", "ഇത് ഒരു പുതിയ പുസ്തകമാണ്"),
    "mr": ("आज हवामान चांगले आहे आणि आम्ही घरी जात आहोत", "हे एक नवीन पुस्तक आहे"),
    "ne": ("आज मौसम राम्रो छ र हामी घर जाँदैछौं", "यो एउटा नयाँ किताब हो"),
    "nl": ("het weer is vandaag mooi en wij gaan naar huis", "dit is het nieuwe boek dat ik wil lezen"),
    "no": ("været er fint i dag og vi går hjem sammen nå", "jeg vet ikke hva dere ønsker å gjøre"),
    "pa": ("ਅੱਜ ਮੌਸਮ ਚੰਗਾ ਹੈ ਅਤੇ ਅਸੀਂ ਘਰ ਜਾ ਰਹੇ ਹਾਂ", "ਇਹ ਇੱਕ ਨਵੀਂ ਕਿਤਾਬ ਹੈ"),
    "pl": ("dzisiaj jest ładna pogoda i idziemy do domu", "to jest nowa książka którą chcę przeczytać"),
    "pt": ("o tempo está muito bom hoje e nós vamos para casa", "este é o livro novo que eu não quero ler"),
    "ro": ("vremea este frumoasă astăzi și mergem acasă", "aceasta este o carte nouă pe care vreau să o citesc"),
    "ru": ("сегодня хорошая погода и мы идем домой", "это новая книга которую я хочу прочитать"),
    "sv": ("vädret är fint idag och vi går hem tillsammans", "det här är en ny bok som jag vill läsa"),
    "sw": ("hali ya hewa ni nzuri leo na tunakwenda nyumbani", "hiki ni kitabu kipya ambacho ninataka kusoma"),
    "ta": ("இன்று வானிலை நன்றாக உள்ளது நாங்கள் வீட்டிற்கு செல்கிறோம்", "இது ஒரு புதிய புத்தகம்"),
    "te": ("ఈరోజు వాతావరణం బాగుంది మేము ఇంటికి వెళ్తున్నాము", "ఇది ఒక కొత్త పుస్తకం"),
    "th": ("วันนี้อากาศดีและเรากำลังจะกลับบ้าน", "นี่คือหนังสือเล่มใหม่", "และการงานของเรา"),
    "tl": ("maganda ang panahon ngayon at uuwi kami sa bahay", "ito ang bagong aklat na gusto kong basahin"),
    "tr": ("bugün hava çok güzel ve biz eve gidiyoruz", "bu okumak istediğim yeni bir kitap"),
    "uk": ("сьогодні гарна погода і ми йдемо додому", "це нова книга яку я хочу прочитати"),
    "ur": ("آج موسم اچھا ہے اور ہم گھر جا رہے ہیں", "یہ ایک نئی کتاب ہے"),
    "vi": ("hôm nay thời tiết rất đẹp và chúng tôi đi về nhà", "đây là quyển sách mới"),
    "zh": ("今天天气很好我们一起回家", "这是一本新书我想要看"),
    "zh-cn": ("今天天气很好我们一起回家", "这是一本新书我想要看"),
    "zh-tw": ("今天天氣很好我們一起回家", "這是一本新書我想要看"),
}
"""ISO code of langdetect to sentences; a language that is not here gets no witness."""
